/** Comments are no part of the snapshot. */
export { answer as reply, type Question } from './leaf.js';

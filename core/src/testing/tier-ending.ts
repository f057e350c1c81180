/**
 * A tier that is cut off from its bytes, or closed: what it does not know it never takes for "not there".
 */
import type { Tier } from '../tiers/contract.ts'
import { equal, equalOrFails, outcomeOf, type Plays } from './case.ts'
import { keysOf, sorted } from './entries.ts'
import type { TierSubject } from './tier-subject.ts'

const cutOff: Plays<TierSubject> = {
  'fails when it is cut off, and never says that something is not there': async (subject) => {
    const { tier } = subject
    await fill(subject)
    await subject.cutOff?.()
    for (const [what, ask] of questions(tier)) await equalOrFails(`${what} when it is cut off`, ask, ['k'])
    await equalOrFails("delete(['k']) when it is cut off", () => tier.delete(['k']), 1)
  },

  'fails to put when it is cut off, or gives back what was put then': async (subject) => {
    const { tier, entry } = subject
    await subject.cutOff?.()
    const put = await outcomeOf(() => tier.put(entry('k')))
    if ('answer' in put) equal("get('k')", (await tier.get('k'))?.value, 'value of k')
  },
}

const closed: Plays<TierSubject> = {
  'closes, and then fails or answers what is true': async (subject) => {
    const { tier } = subject
    await fill(subject)
    await subject.close()
    const outcomes = await Promise.all(questions(tier).map(([, ask]) => outcomeOf(ask)))
    const answers = outcomes.flatMap((outcome) => ('answer' in outcome ? [outcome.answer] : []))
    // One that has nothing left without its process may say so.
    equal(
      'what is held, found and got of k, which must agree',
      answers,
      answers.map(() => answers[0]),
    )
    for (const keys of answers) if (keys.length > 0) equal('what is left', keys, ['k'])
  },
}

export const endingPlays = { cutOff, closed }

async function fill({ tier, entry }: TierSubject): Promise<void> {
  await tier.put(entry('k', { dependencies: ['row'] }))
}

type Question = readonly [what: string, ask: () => Promise<string[]>]

/** Each finds `k`. */
function questions(tier: Tier): Question[] {
  return [
    ["get('k')", async () => keysOf([(await tier.get('k')) ?? []].flat())],
    ["held(['k'])", async () => keysOf(await tier.held(['k']))],
    ["dependents(['row'])", async () => sorted(await tier.dependents(['row']))],
    ["withPrefix('ro')", async () => sorted(await tier.withPrefix('ro'))],
  ]
}

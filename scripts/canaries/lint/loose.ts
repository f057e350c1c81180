// Expect: eslint(eqeqeq) eslint(prefer-const) eslint(no-unused-vars)
export function loose(value: unknown): boolean {
  let same = value == 1
  const unused = 2
  return same
}

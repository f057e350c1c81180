// Expect: typescript(no-floating-promises)
// Only a linter that knows types can see that `work()` gives a promise.
async function work(): Promise<void> {}

export function forget(): void {
  work()
}

/** Waits for something that comes of itself, and says what did not come. */
export async function until(holds: () => unknown, what: string, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`after ${limitMs} ms there still is not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/**
 * Timeline: what happens next, in true time, which nobody within the simulation can see.
 *
 * Invariants: events happen in the order of their time, then of their making; between two events every microtask that
 * could run has run: each event is an immediate of its own, and node runs all microtasks between two of those.
 */
export interface Event {
  readonly at: number
  readonly seq: number
  work: (() => void) | undefined
}

/** Immediates that are asked for at once: one turn of the event loop for so many events. */
const batch = 64

export class Timeline {
  now = 0
  /** Events that happened. */
  count = 0
  readonly #heap: Event[] = []
  #seq = 0
  /** After each event, when all that it led to is done. @returns whether the nodes were asked anything: then they come to rest, too */
  onSettled: () => boolean = () => false

  at(at: number, work: () => void): Event {
    const event = { at: Math.max(at, this.now), seq: this.#seq++, work }
    this.#push(event)
    return event
  }

  after(ms: number, work: () => void): Event {
    return this.at(this.now + ms, work)
  }

  /** Until that time, or until `isOver`. */
  run(until: number, isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = 0
      let isDone = false
      let wasAsked = false
      const step = () => {
        left--
        if (isDone) return
        try {
          // Time does not pass in the middle of a run of microtasks.
          wasAsked = !wasAsked && this.onSettled()
          isDone = !wasAsked && (isOver() || !this.#next(until))
        } catch (error) {
          isDone = true
          reject(error)
        }
        if (isDone) resolve()
        else if (left === 0) more()
      }
      const more = () => {
        left = batch
        for (let i = 0; i < batch; i++) setImmediate(step)
      }
      more()
    })
  }

  /** @returns false if there is none until then */
  #next(until: number): boolean {
    for (;;) {
      const event = this.#heap[0]
      if (event === undefined || event.at > until) {
        this.now = until
        return false
      }
      this.#pop()
      if (event.work === undefined) continue
      this.now = event.at
      this.count++
      event.work()
      return true
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    let place = heap.push(event) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (!isBefore(event, heap[parent] as Event)) break
      heap[place] = heap[parent] as Event
      place = parent
    }
    heap[place] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    if (heap.length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, last)) break
      heap[place] = heap[child] as Event
      place = child
    }
    heap[place] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}

// Expect: TS2322 TS6133 TS1294 TS2532
export const count: number = 'many'

export enum Erased {
  never,
}

export function first(list: number[], unused: string): string {
  return list[0].toFixed()
}

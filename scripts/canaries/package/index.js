import 'nobody-declares-this'

export const answer = 42

import { connect } from 'node:net'

const answerMs = 3000

/** One command to a server without a client. @returns its answer as it is on the wire, as far as it comes in one piece */
export function ask(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setTimeout(answerMs, () => socket.destroy(new Error(`no answer to ${words.join(' ')}`)))
    socket.once('error', reject)
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(bytes.toString())
    })
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    socket.write(`*${words.length}\r\n${parts.join('')}`)
  })
}

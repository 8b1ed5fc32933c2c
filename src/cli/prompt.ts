import { writeSync } from 'node:fs'
import { UsageError } from './usage-error.ts'

const ENTER = new Set(['\r', '\n'])
const BACK = new Set(['\x7f', '\b'])
const CANCEL = '\x03'
const END = '\x04'
const CLEAR = '\x15'
/** Bytes of what is piped in for a password: far more than one has. */
const MAX_INPUT = 64 * 1024

/** How a command was told to get a password. */
export interface PasswordOptions {
  readonly passwordStdin?: boolean
}

/** Whether someone sits there who can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Lines of the standard input, up to `count`; the rest is refused. */
export async function readLines(count: number): Promise<string[]> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MAX_INPUT) throw new UsageError('the standard input is too long for a password')
  }
  const text = Buffer.concat(chunks).toString('utf8')
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/)
  if (lines.length !== count || lines.some((line) => line === '')) {
    throw new UsageError(
      count === 1
        ? '--password-stdin takes one line with the password'
        : `--password-stdin takes ${count} lines here: the present password, then the new one`,
    )
  }
  return lines
}

/** A password: from the standard input where that was said, else asked for. `twice`: a new one, typed again to be sure. */
export async function readPassword(
  question: string,
  { passwordStdin = false, twice = false }: PasswordOptions & { readonly twice?: boolean } = {},
): Promise<string> {
  if (passwordStdin) return (await readLines(1))[0] as string
  if (!canAsk()) {
    throw new UsageError(
      'there is no terminal to ask for the password at; add --password-stdin and pipe it in',
    )
  }
  const password = await ask(`${question}: `)
  if (password === '') throw new Error('no password was typed; nothing was changed')
  if (twice && (await ask(`${question}, again: `)) !== password)
    throw new Error('the two differ; nothing was changed')
  return password
}

/** Asks at the terminal; what is typed is not shown. */
async function ask(question: string): Promise<string> {
  const { stdin } = process
  stdin.setRawMode(true)
  writeSync(2, question)
  try {
    return await typed(stdin)
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    writeSync(2, '\n')
  }
}

/** What is typed up to Enter. What was pasted behind it waits for the next question. */
function typed(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const letters: string[] = []
    const end = (settle: () => void) => {
      stdin.off('data', take)
      settle()
    }
    const take = (chunk: Uint8Array | string) => {
      const keys = [...(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))]
      for (const [at, key] of keys.entries()) {
        if (ENTER.has(key)) {
          const rest = keys.slice(key === '\r' && keys[at + 1] === '\n' ? at + 2 : at + 1).join('')
          end(() => {
            stdin.pause()
            if (rest !== '') stdin.unshift(Buffer.from(rest))
            resolve(letters.join(''))
          })
          return
        }
        if (key === CANCEL || (key === END && letters.length === 0)) {
          end(() => reject(new Error('cancelled; nothing was changed')))
          return
        }
        if (BACK.has(key)) letters.pop()
        else if (key === CLEAR) letters.length = 0
        else if (key >= ' ') letters.push(key)
      }
    }
    stdin.on('data', take)
    stdin.resume()
  })
}

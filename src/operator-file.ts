import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/*
 * A server that runs on a data directory lets in whoever may read a file of that directory: the command line of the one who runs it.
 * Nothing else could, since the server has the directory locked.
 */

const NAME = 'operator.json'
const BEARER = /^bearer +(\S+)$/i

/** Where a running server is, and what it takes its operator by. */
export interface OperatorEntry {
  /** `HOST:PORT` it listens on. */
  readonly address: string
  /** A bearer token for the management API; another one after each start. */
  readonly token: string
}

/** The server's half: a fresh token, known to nobody until it is published. */
export interface OperatorPass extends Disposable {
  /** Writes the file, readable by its owner alone, so that commands find the server at `address` (`HOST:PORT`). */
  publish(address: string): void
  /**
   * Whether an Authorization header holds the token, and comes from this machine. `peer` is the other end of the connection itself, never
   * what a proxy says of it. Takes the same time for every wrong token.
   */
  admits(authorization: string | null, peer: string): boolean
  /** Takes the file away. */
  [Symbol.dispose](): void
}

export interface OperatorFile {
  readonly path: string
  /** What a server wrote – one that runs, or one that crashed; undefined where there is none that can be read. */
  read(): OperatorEntry | undefined
  /** Makes the token of one run of a server. To be called by who holds the directory's lock. */
  issue(): OperatorPass
  /** Writes that the server at `address` runs without accounts, so that commands can say so. To be called by who holds the directory's lock. */
  tellNoAccounts(address: string): Disposable
  /** The address of a server that runs without accounts – or ran, if it crashed; undefined where none wrote that. */
  readNoAccounts(): string | undefined
}

/** The operator's file of a data directory. */
export function operatorFile(data: string): OperatorFile {
  const path = join(data, NAME)

  const read = (): Partial<OperatorEntry> & { readonly accounts?: unknown } => {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) ?? {}
    } catch {
      return {}
    }
  }
  const write = (entry: object) => {
    // A crash may have left one of another mode.
    rmSync(`${path}.new`, { force: true })
    writeFileSync(`${path}.new`, `${JSON.stringify(entry)}\n`, { mode: 0o600, flag: 'wx' })
    renameSync(`${path}.new`, path)
  }
  const remove = () => rmSync(path, { force: true })

  return {
    path,

    read() {
      const { address, token } = read()
      return typeof address === 'string' && typeof token === 'string' ? { address, token } : undefined
    },

    readNoAccounts() {
      const { address, accounts } = read()
      return typeof address === 'string' && accounts === false ? address : undefined
    },

    tellNoAccounts(address) {
      write({ address, accounts: false })
      return { [Symbol.dispose]: remove }
    },

    issue() {
      // What a crash left is not this server's.
      remove()
      const token = randomBytes(32).toString('base64url')
      const expected = digest(token)
      let own: string | undefined
      return {
        publish(address) {
          own = hostOf(address)
          const entry: OperatorEntry = { address, token }
          write(entry)
        },
        admits(authorization, peer) {
          const given = BEARER.exec(authorization ?? '')?.[1]
          if (given === undefined || own === undefined) return false
          return timingSafeEqual(digest(given), expected) && isOwn(peer, own)
        },
        [Symbol.dispose]: remove,
      }
    },
  }
}

function digest(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}

/** Loopback, or the one address the server listens on: whoever connects to that from the same machine comes from it. */
function isOwn(peer: string, listening: string): boolean {
  const plain = peer.replace(/^::ffff:(?=\d+\.)/, '')
  return plain === '::1' || /^127\.\d+\.\d+\.\d+$/.test(plain) || plain === listening
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

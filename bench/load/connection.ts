import type { Socket } from 'bun'
import { type Answer, AnswerReader } from './answer.ts'

/** Where a server listens. */
export interface Address {
  readonly hostname: string
  readonly port: number
}

/** A request's body: parts that are sent as they are, so that nothing is built or copied for it. */
export type Parts = readonly Uint8Array[]

interface Exchange {
  readonly bodiless: boolean
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/**
 * A keep-alive connection for load: bytes go from blocks that exist already, answers are counted and dropped, one request is
 * under way at a time. It is meant to cost less than any server does.
 */
export class Connection implements Disposable {
  #socket!: Socket<undefined>
  readonly #reader = new AnswerReader()
  #exchange: Exchange | undefined
  /** What the socket has not taken yet, the next part first. */
  #parts: Parts = []
  #next = 0
  #offset = 0

  private constructor() {}

  /** Connects. Rejects when nothing listens. */
  static async open(address: Address): Promise<Connection> {
    const connection = new Connection()
    connection.#socket = await Bun.connect({
      ...address,
      socket: {
        data: (_, data) => connection.#take(data),
        drain: () => connection.#pump(),
        close: () => connection.#fail(new Error('the server closed the connection')),
        error: (_, error) => connection.#fail(error),
      },
    })
    connection.#socket.setNoDelay(true)
    return connection
  }

  /** Sends a request, head and body in `parts`, and resolves with its answer. */
  send(parts: Parts, bodiless = false): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#exchange = { bodiless, resolve, reject }
      this.#parts = parts
      this.#next = 0
      this.#offset = 0
      this.#pump()
    })
  }

  /** Sends bytes whose answer nobody waits for. */
  feed(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  #pump(): void {
    while (this.#next < this.#parts.length) {
      const part = this.#parts[this.#next] as Uint8Array
      const written = this.#socket.write(part, this.#offset, part.byteLength - this.#offset)
      if (written < 0) {
        this.#fail(new Error('the connection is closed'))
        return
      }
      this.#offset += written
      if (this.#offset < part.byteLength) return
      this.#next++
      this.#offset = 0
    }
  }

  #take(data: Buffer): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    try {
      const answer = this.#reader.take(data, exchange.bodiless)
      if (answer === undefined) return
      this.#exchange = undefined
      exchange.resolve(answer)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #fail(error: Error): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    exchange?.reject(error)
  }

  [Symbol.dispose](): void {
    this.#exchange = undefined
    this.#socket.terminate()
  }
}

/** A request's head. */
export function head(method: string, target: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const fields = Object.entries({ Host: 'bench.local', 'User-Agent': AGENT, ...headers })
  return Buffer.from(
    `${method} ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
  )
}

/** What Debian's docker engine says of itself, at its usual length. */
export const AGENT = 'docker/20.10.24+dfsg1 go/go1.19.8 git-commit/5d6db84 kernel/6.1.0 os/linux arch/amd64'

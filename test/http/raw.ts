import { createConnection, type Socket } from 'node:net'

/** An answer as it came over the wire, body and all. */
export interface RawAnswer {
  readonly status: number
  /** Status line and header lines. */
  readonly head: string
  /** By lower-case name; lines of one name are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** False where the connection ended before the body did. */
  readonly whole: boolean
}

export interface RawOptions {
  /** Bytes the kernel may hold for us; small ones make a slow reader felt at once. */
  readonly pauseAtStart?: boolean
}

const SECONDS = 20

/**
 * A TCP connection that says exactly what it is told, well-formed or not, and reads answers one by one. The `fetch` of a runtime
 * would correct what these tests are about.
 */
export class RawConnection implements AsyncDisposable {
  readonly socket: Socket
  #held: Buffer = Buffer.alloc(0)
  #ended = false
  #wake: (() => void) | undefined

  private constructor(socket: Socket, options: RawOptions) {
    this.socket = socket
    const wake = () => this.#wake?.()
    const ended = () => {
      this.#ended = true
      wake()
    }
    if (options.pauseAtStart !== true) this.listen()
    socket.on('end', ended)
    socket.on('close', ended)
    // A reset is an end like any other here; what was received before it stays readable.
    socket.on('error', ended)
  }

  static connect(host: string, options: RawOptions = {}): Promise<RawConnection> {
    const at = host.lastIndexOf(':')
    return new Promise((resolve, reject) => {
      const socket = createConnection({
        host: host.slice(0, at),
        port: Number(host.slice(at + 1)),
        allowHalfOpen: true,
      })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        socket.setNoDelay(true)
        resolve(new RawConnection(socket, options))
      })
    })
  }

  /** Begins to take what the server sends. */
  listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.#held = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk])
      this.#wake?.()
    })
  }

  /** Resolves when the kernel took it, also when the server is gone. */
  send(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.destroyed || this.socket.writableEnded) resolve()
      else this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, () => resolve())
    })
  }

  /** Says that nothing more comes, and goes on reading. */
  halfClose(): void {
    this.socket.end()
  }

  /** Breaks the connection with a reset. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Whether the server has closed its side. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * The next answer, undefined when the connection ended without one. `method` is what was asked with: an answer to HEAD has no
   * body. Throws when nothing happens for `seconds`.
   */
  async answer(method = 'GET', seconds = SECONDS): Promise<RawAnswer | undefined> {
    const headEnd = await this.#until(() => {
      const at = this.#held.indexOf('\r\n\r\n')
      return at < 0 ? undefined : at + 4
    }, seconds)
    if (headEnd === undefined) return undefined
    const head = this.#take(headEnd).toString('latin1').slice(0, -4)
    const [line = '', ...lines] = head.split('\r\n')
    const headers = new Map<string, string>()
    for (const each of lines) {
      const colon = each.indexOf(':')
      const name = each.slice(0, colon).toLowerCase()
      const value = each.slice(colon + 1).trim()
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value)
    }
    const status = Number(line.split(' ')[1])
    const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304
    const { body, whole } = bodiless
      ? { body: Buffer.alloc(0), whole: true }
      : await this.#body(headers, seconds)
    return { status, head, headers, body, whole }
  }

  /** Everything until the server closes. */
  async rest(seconds = SECONDS): Promise<Buffer> {
    await this.#until(() => undefined, seconds)
    return this.#take(this.#held.byteLength)
  }

  /** Resolves when the server has closed its side. */
  async closed(seconds = SECONDS): Promise<void> {
    await this.#until(() => undefined, seconds)
  }

  async #body(
    headers: ReadonlyMap<string, string>,
    seconds: number,
  ): Promise<{ body: Buffer; whole: boolean }> {
    if (headers.get('transfer-encoding') === 'chunked') return this.#chunks(seconds)
    const announced = headers.get('content-length')
    if (announced === undefined) return { body: await this.rest(seconds), whole: true }
    const length = Number(announced)
    const there = await this.#until(() => (this.#held.byteLength >= length ? length : undefined), seconds)
    return { body: this.#take(there ?? this.#held.byteLength), whole: there !== undefined }
  }

  async #chunks(seconds: number): Promise<{ body: Buffer; whole: boolean }> {
    const parts: Buffer[] = []
    for (;;) {
      const lineEnd = await this.#until(() => {
        const at = this.#held.indexOf('\r\n')
        return at < 0 ? undefined : at + 2
      }, seconds)
      if (lineEnd === undefined) return { body: Buffer.concat(parts), whole: false }
      const size = Number.parseInt(this.#take(lineEnd).toString('latin1'), 16)
      const end = await this.#until(() => (this.#held.byteLength >= size + 2 ? size + 2 : undefined), seconds)
      if (end === undefined) return { body: Buffer.concat(parts), whole: false }
      const part = this.#take(end)
      if (size === 0) return { body: Buffer.concat(parts), whole: true }
      parts.push(part.subarray(0, size))
    }
  }

  #take(length: number): Buffer {
    const taken = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return taken
  }

  async #until(ready: () => number | undefined, seconds: number): Promise<number | undefined> {
    const limit = Date.now() + seconds * 1000
    for (;;) {
      const found = ready()
      if (found !== undefined) return found
      if (this.#ended) return undefined
      const left = limit - Date.now()
      if (left <= 0) {
        const shown = this.#held.toString('latin1', 0, 400)
        throw new Error(
          `the server neither answered nor closed for ${seconds} s; so far: ${JSON.stringify(shown)}`,
        )
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
  }
}

/** Sends one text on a connection of its own and returns the first answer. */
export async function ask(
  host: string,
  text: string | Uint8Array,
  method = 'GET',
): Promise<RawAnswer | undefined> {
  await using connection = await RawConnection.connect(host)
  await connection.send(text)
  // Awaited here: the connection ends with this function.
  return await connection.answer(method)
}

/** A request's text; `Host` is there unless `headers` says otherwise. */
export function request(
  method: string,
  target: string,
  headers: readonly string[] = [],
  body: string | Uint8Array = '',
): string {
  const lines = headers.some((line) => /^host\s*:/i.test(line)) ? headers : ['Host: berth.test', ...headers]
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('latin1')
  return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`
}

/** The code of an error answer, checked to be of the form of G9. */
export function errorCode(answer: Pick<RawAnswer, 'body'>): string {
  const parsed = JSON.parse(answer.body.toString()) as { errors: { code: string; message: string }[] }
  const code = parsed.errors[0]?.code
  if (code === undefined || typeof parsed.errors[0]?.message !== 'string') {
    throw new Error(`not an error body: ${answer.body}`)
  }
  return code
}

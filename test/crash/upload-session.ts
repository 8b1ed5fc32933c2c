import { ask, Cut, Violation, type Wire } from './wire.ts'

/**
 * One upload seen from the client: what was sent, and what of it was acknowledged. After a crash the session must be gone, or stand
 * between the two: a wrong offset is never told.
 */
export class UploadSession {
  readonly repo: string
  readonly digest: string
  readonly #content: Uint8Array
  #location: string | undefined
  #acknowledged = 0
  #sent = 0
  /** The closing request was sent, so that the session may be finished. */
  #closing = false

  constructor(repo: string, digest: string, content: Uint8Array) {
    this.repo = repo
    this.digest = digest
    this.#content = content
  }

  async open(wire: Wire): Promise<void> {
    const answer = await ask(wire, 'POST', `/v2/${this.repo}/blobs/uploads/`, [202])
    this.#moved(answer.headers)
  }

  /** Sends the content up to `end` as one chunk; with its place in a Content-Range unless it is streamed. */
  async patch(wire: Wire, end: number, style: 'ranged' | 'streamed' = 'ranged'): Promise<void> {
    const start = this.#acknowledged
    this.#sent = Math.max(this.#sent, end)
    const answer = await ask(wire, 'PATCH', this.location, [202], {
      headers: {
        'content-type': 'application/octet-stream',
        ...(style === 'ranged' && { 'content-range': `${start}-${end - 1}` }),
      },
      body: this.#content.subarray(start, end),
    })
    const held = heldBy(answer.headers)
    if (held !== end) throw new Violation(`a chunk up to ${end} was acknowledged at ${held}`)
    this.#acknowledged = end
    this.#moved(answer.headers)
  }

  /** Closes with what was not sent yet. */
  async close(wire: Wire): Promise<void> {
    const start = this.#acknowledged
    const rest = this.#content.subarray(start)
    this.#sent = this.#content.byteLength
    this.#closing = true
    await ask(wire, 'PUT', `${this.location}?digest=${this.digest}`, [201], {
      headers: {
        'content-type': 'application/octet-stream',
        ...(start > 0 &&
          rest.byteLength > 0 && { 'content-range': `${start}-${this.#content.byteLength - 1}` }),
      },
      body: rest,
    })
  }

  async cancel(wire: Wire): Promise<void> {
    this.#closing = true
    await ask(wire, 'DELETE', this.location, [202, 204])
  }

  /** Another connection has sent the content up to `end`. */
  sent(end: number): void {
    this.#sent = Math.max(this.#sent, end)
  }

  /** Where the next request goes. Throws Cut when the upload was never acknowledged. */
  get location(): string {
    if (this.#location === undefined) throw new Cut('the upload was never acknowledged')
    return this.#location
  }

  get started(): boolean {
    return this.#location !== undefined
  }

  /** Where the session stands, or undefined where it is over. */
  async status(wire: Wire): Promise<number | undefined> {
    const answer = await ask(wire, 'GET', this.location, [204, 404])
    if (answer.status === 404) {
      if (this.#closing) return undefined
      throw new Violation(`an upload with ${this.#acknowledged} acknowledged bytes is gone`)
    }
    const held = heldBy(answer.headers)
    if (held < this.#acknowledged || held > this.#sent) {
      throw new Violation(
        `an upload stands at ${held}; ${this.#acknowledged} bytes were acknowledged, ${this.#sent} sent`,
      )
    }
    return held
  }

  /** Goes on where the server says that the session stands, and closes it. False where the session is over. */
  async resume(wire: Wire): Promise<boolean> {
    const held = await this.status(wire)
    if (held === undefined) return false
    this.#acknowledged = held
    const middle = Math.ceil((held + this.#content.byteLength) / 2)
    if (middle > held) await this.patch(wire, middle)
    await this.close(wire)
    return true
  }

  #moved(headers: Headers): void {
    const location = headers.get('location')
    if (location === null) throw new Violation('an upload was acknowledged without a Location')
    this.#location = location
  }
}

/** Bytes held, by the Range header; `0-0` is told at none and at one (B7), so contents here are longer than that. */
function heldBy(headers: Headers): number {
  const range = headers.get('range') ?? ''
  const last = /^0-(\d+)$/.exec(range)?.[1]
  if (last === undefined) throw new Violation(`an upload answered with the Range ${JSON.stringify(range)}`)
  return last === '0' ? 0 : Number(last) + 1
}

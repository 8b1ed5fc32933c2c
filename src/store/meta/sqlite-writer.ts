import { refuse } from '../../core/errors.ts'
import type { RunCommand } from './commands.ts'
import { CommitMark } from './commit-mark.ts'
import { type Answer, type Call, type FromWorker, fromWire, type ToWorker, toWire } from './wire.ts'

/** Commands in one transaction at most: nobody waits for a commit behind thousands of others. */
const MAX_BATCH = 512

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * The other end of sqlite-worker.ts: posts what has gathered while the transaction before ran as one message, hands the answers
 * back. One at a time, since larger transactions share more: the thread is idle only until this one hears of its answers.
 */
export class WriterThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #maxWaiting: number
  readonly mark = new CommitMark()
  readonly #calls: Call[] = []
  #underWay = false
  #lastId = 0
  /** Set once nothing more can be done: what every further command is told. */
  #ended: Error | undefined
  #opened = Promise.withResolvers<void>()
  #drained: (() => void) | undefined
  #closed = Promise.withResolvers<void>()

  constructor(
    maxWaiting: number,
    worker: Worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url)),
  ) {
    this.#maxWaiting = maxWaiting
    this.#worker = worker
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#receive(event.data)
    this.#worker.onerror = (event) => this.#die(event.message)
    this.#worker.addEventListener('close', () => this.#die('it ended'))
  }

  /** Resolves when the database is open and migrated; rejects with the reason why not. */
  async open(path: string, durable: boolean): Promise<void> {
    this.#post({ type: 'open', path, durable, mark: this.mark.buffer })
    try {
      await this.#opened.promise
    } catch (error) {
      this.#worker.terminate()
      throw error
    }
  }

  readonly run: RunCommand = (name, args) =>
    new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      if (this.#waiting.size >= this.#maxWaiting) {
        const message = `${this.#waiting.size} commands wait for the metadata database already; try again later`
        return reject(refuse('unavailable', message, { retryAfter: 1 }))
      }
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      this.#calls.push({ id, name, args })
      if (this.#calls.length === 1) queueMicrotask(() => this.#flush())
    })

  /** Posts what was gathered, as one transaction, unless the thread is at work; then it gathers further. */
  #flush() {
    if (this.#calls.length === 0 || this.#underWay) return
    const calls = this.#calls.splice(0, MAX_BATCH)
    try {
      this.#post({ type: 'calls', calls })
      this.#underWay = true
    } catch {
      this.#withoutBroken(calls)
    }
  }

  /** A call that is no plain value cannot reach the thread: a bug, and that call's alone. The others are posted again. */
  #withoutBroken(calls: readonly Call[]) {
    const sound = calls.filter((call) => {
      try {
        structuredClone(call)
        return true
      } catch (error) {
        this.#settle({ id: call.id, error: toWire(error) })
        return false
      }
    })
    this.#calls.unshift(...sound)
    this.#flush()
  }

  /** Lets what waits finish, then closes the database and ends the thread. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return await this.#closed.promise
    this.#ended = refuse('unavailable', 'the metadata database is closed', { retryAfter: 5 })
    if (this.#waiting.size > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
    this.#post({ type: 'close' })
    await this.#closed.promise
    this.#worker.terminate()
  }

  #post(message: ToWorker) {
    this.#worker.postMessage(message)
  }

  #receive(message: FromWorker) {
    if (message.type === 'answers') {
      this.#underWay = false
      this.#flush()
      for (const answer of message.answers) this.#settle(answer)
    } else if (message.type === 'opened') this.#opened.resolve()
    else if (message.type === 'failed') this.#opened.reject(fromWire(message.error))
    else this.#closed.resolve()
  }

  #settle({ id, value, error }: Answer) {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value as never)
    else waiting?.reject(fromWire(error))
    if (this.#waiting.size === 0) this.#drained?.()
  }

  /** The thread is gone: nothing that waits can be known to have happened, nothing more can. */
  #die(why: string) {
    const told = refuse('unavailable', 'the writer of the metadata database has failed; restart Berth', {
      retryAfter: 5,
    })
    this.#ended ??= Object.assign(told, { cause: new Error(why) })
    this.#opened.reject(this.#ended)
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
    this.#drained?.()
    this.#closed.resolve()
  }
}

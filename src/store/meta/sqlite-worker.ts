import type { Database } from 'bun:sqlite'
import { failpoint } from '../../core/failpoint.ts'
import { COMMANDS, type CommandName } from './commands.ts'
import { CommitMark } from './commit-mark.ts'
import type { Dialect, Tx } from './driver.ts'
import { migrateSqlite, openDatabase, sqliteDialect, sqliteError, sqliteTx } from './sqlite-connection.ts'
import { type Answer, type Call, type FromWorker, type ToWorker, toWire } from './wire.ts'

/*
 * The thread that owns the only write connection. Each message is a transaction – the commands that waited during the one
 * before – with one savepoint a command: a command that throws is rolled back alone. Nobody is answered before COMMIT has
 * returned.
 */

declare const self: Worker

type AnyCommand = (tx: Tx, dialect: Dialect, args: unknown) => Promise<unknown>

let writer: Writer | undefined
/** The transaction under way; the next begins behind it. */
let last: Promise<void> = Promise.resolve()

self.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data
  if (message.type === 'calls') {
    last = last.then(async () => {
      const answers = await (writer as Writer).runBatch(message.calls)
      post({ type: 'answers', answers })
    })
  } else if (message.type === 'open') {
    open(message.path, message.durable, new CommitMark(message.mark)).then(
      () => post({ type: 'opened' }),
      (error) => post({ type: 'failed', error: toWire(error) }),
    )
  } else {
    last.then(() => {
      writer?.close()
      post({ type: 'closed' })
    })
  }
}

const post = (message: FromWorker) => self.postMessage(message)

async function open(path: string, durable: boolean, mark: CommitMark) {
  const database = openDatabase(path, durable ? 'write' : 'write-without-sync')
  try {
    await migrateSqlite(database)
  } catch (error) {
    database.close(true)
    throw error
  }
  writer = new Writer(database, path, mark)
}

class Writer {
  readonly #database: Database
  readonly #path: string
  readonly #mark: CommitMark
  readonly #tx: Tx

  constructor(database: Database, path: string, mark: CommitMark) {
    this.#database = database
    this.#path = path
    this.#mark = mark
    this.#tx = sqliteTx(database)
  }

  /** Runs the calls in one transaction and returns the answers, which hold only now. */
  async runBatch(calls: readonly Call[]): Promise<Answer[]> {
    try {
      await this.#tx.run('BEGIN IMMEDIATE', [])
      await failpoint('tx.begun')
      const answers: Answer[] = []
      for (const call of calls) answers.push(await this.#runOne(call))
      await failpoint('tx.before-commit')
      this.#mark.begin()
      try {
        await this.#tx.run('COMMIT', [])
      } finally {
        this.#mark.end()
      }
      await failpoint('tx.after-commit')
      return answers
    } catch (error) {
      if (this.#database.inTransaction) this.#database.run('ROLLBACK')
      const wire = this.#wire(error)
      return calls.map(({ id }) => ({ id, error: wire }))
    }
  }

  async #runOne({ id, name, args }: Call): Promise<Answer> {
    const command = COMMANDS[name as CommandName] as AnyCommand
    await this.#tx.run('SAVEPOINT command', [])
    try {
      const value = await command(this.#tx, sqliteDialect, args)
      await this.#tx.run('RELEASE command', [])
      return { id, value }
    } catch (error) {
      // A full disk and the like end the whole transaction by themselves: then nobody's command has happened.
      if (!this.#database.inTransaction) throw error
      await this.#tx.run('ROLLBACK TO command', [])
      await this.#tx.run('RELEASE command', [])
      return { id, error: this.#wire(error) }
    }
  }

  #wire(error: unknown) {
    return toWire(sqliteError(error, this.#path))
  }

  close() {
    this.#database.close(true)
  }
}

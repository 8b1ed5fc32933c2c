import { isRefusal } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Use, UseStore } from '../store/meta/lifecycle-store.ts'
import { startRounds } from './rounds.ts'

/** What is noted and to be written down. */
export interface NotedUses {
  take(): readonly Use[]
  settle(uses: readonly Use[], outcome: 'written' | 'lost'): void
  readonly isHalf: boolean
  onHalf: (() => void) | undefined
}

/** Uses in one transaction at most: pushes wait as long. */
const BATCH = 256

export interface WriteUsesOptions {
  readonly ledger: NotedUses
  readonly store: Pick<UseStore, 'recordUses'>
  readonly log: Log
  /** ms between two rounds. */
  readonly every: number
}

/**
 * Writes down what was noted: now and then, as soon as half of the room for it is taken, and when it is stopped. What the database cannot
 * take now is tried again at the next round and keeps its room meanwhile; so a crash loses what was noted since the last round.
 */
export function startWritingUses({ ledger, store, log, every }: WriteUsesOptions): AsyncDisposable {
  let waiting: readonly Use[] = []
  let writing: Promise<void> | undefined

  async function writeAll(): Promise<void> {
    do {
      waiting = [...waiting, ...ledger.take()]
      while (waiting.length > 0) {
        const batch = waiting.slice(0, BATCH)
        try {
          await store.recordUses(batch)
        } catch (error) {
          if (isPassing(error)) throw error
          // What is wrong with them will be wrong again; the others need not wait for it.
          log.error('uses could not be written down and are lost', { uses: batch.length, error: told(error) })
          ledger.settle(batch, 'lost')
          waiting = waiting.slice(batch.length)
          continue
        }
        ledger.settle(batch, 'written')
        waiting = waiting.slice(batch.length)
      }
    } while (ledger.isHalf)
  }
  /** One at a time: who comes while one is under way waits for it. */
  const write = () => (writing ??= writeAll().finally(() => (writing = undefined)))

  ledger.onHalf = () => void write().catch(() => {})
  const rounds = startRounds({ name: 'writing down what was used', every, log, round: write })
  return {
    async [Symbol.asyncDispose]() {
      ledger.onHalf = undefined
      await rounds.stop()
      await writing?.catch(() => {})
      await write().catch((error) => {
        log.warn('what was used last could not be written down', { error: told(error) })
        ledger.settle(waiting, 'lost')
      })
    },
  }
}

/** Whether the database may take it later. */
function isPassing(error: unknown): boolean {
  return isRefusal(error, 'unavailable') || isRefusal(error, 'storage-full')
}

function told(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

import type { ObjectKey } from '../core/names.ts'
import type { BlobContent, Span } from '../core/registry.ts'

export interface AppendOptions {
  /** How many bytes the body is going to bring, where known: a hint, never checked. */
  readonly size?: number | undefined
  /** Called from time to time during a long append with the length that is durable by then. */
  readonly onDurable?: (length: number) => Promise<void>
}

/**
 * Bytes, nothing else. Objects are keyed by upload, never by digest: a key is final from `begin` on, never renamed, never
 * used again, so that deleting one can only ever hit the generation it names (the metadata maps digest to key).
 * Failures of the device reject with `storage-full` (ENOSPC, EDQUOT) or the raw error; a failed object is never sealed.
 */
export interface BlobStore {
  /** A random name of this storage, made with it: metadata remembers which storage it is about. */
  readonly identity: string
  /** Mints a key. Stores nothing yet: the caller records the key first. */
  begin(): ObjectKey
  /**
   * Writes `body` at `offset` (a multiple of nothing; whatever stood behind it is cut off) and resolves with the new length
   * once all of it is durable. When `body` throws, what it gave before is made durable and the error is rethrown.
   * A chunk is the body's again once the next one is asked for. One writer at a time per key, which the caller ensures.
   * Refuses `upload-unknown` when fewer than `offset` bytes are stored.
   */
  append(
    key: ObjectKey,
    offset: number,
    body: AsyncIterable<Uint8Array>,
    options?: AppendOptions,
  ): Promise<number>
  /** Finishes an object of `size` bytes; it and its name are durable. Rejects when the stored length is shorter. */
  seal(key: ObjectKey, size: number): Promise<void>
  /** The stored length in bytes, or undefined when there is no such object. At once where that is cheap: asked on every pull. */
  stat(key: ObjectKey): number | undefined | Promise<number | undefined>
  /**
   * The bytes of a span of a sealed object of `size` bytes; undefined when the object is not there or not of that size. Bytes that
   * are still in memory may outlive a lost object: who must know what storage holds asks `stat`.
   */
  open(key: ObjectKey, size: number, span: Span): BlobContent | undefined
  /** Reads an unfinished object from its start, to hash it again after a restart. Refuses `upload-unknown` when it is shorter. */
  read(key: ObjectKey, length: number): AsyncIterable<Uint8Array>
  /** Removes an object. Removing an absent one is no error. */
  delete(key: ObjectKey): Promise<void>
  /** Every key with bytes, in no order: for scrubs and tests, never to answer a request. */
  list(): AsyncIterable<ObjectKey>
  /** Refuses `storage-full` when less than the configured reserve is free: asked before an upload starts. */
  reserve(): Promise<void>
  /** Whether the store takes writes right now; rejects with the reason when not (readiness). */
  check(): Promise<void>
  close(): Promise<void>
}

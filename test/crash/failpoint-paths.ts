import type { Failpoint } from '../../src/core/failpoint.ts'

/*
 * The failpoints each step of an operation passes, in order. The tests strike at every one of them, and prove by a run in which all
 * others are deadly that the lists are complete.
 */

/** One transaction. */
export const TRANSACTION: readonly Failpoint[] = ['tx.begun', 'tx.before-commit', 'tx.after-commit']

export const OPEN_UPLOAD: readonly Failpoint[] = [
  'upload.before-intent',
  ...TRANSACTION,
  'upload.after-intent',
]

/** The first bytes of a file, up to a buffer. */
export const WRITE_FIRST: readonly Failpoint[] = [
  'blob.created',
  'blob.first-write',
  'blob.after-datasync',
  'blob.after-dirsync',
  'upload.after-append',
]

/** The first bytes of a file, three buffers of them. */
export const WRITE_LARGE: readonly Failpoint[] = [
  'blob.created',
  'blob.first-write',
  'blob.mid-write',
  'blob.mid-write',
  'blob.after-datasync',
  'blob.after-dirsync',
  'upload.after-append',
]

/** More bytes of a file. */
export const WRITE_MORE: readonly Failpoint[] = [
  'blob.first-write',
  'blob.after-datasync',
  'upload.after-append',
]

export const ADVANCE: readonly Failpoint[] = ['upload.before-advance', ...TRANSACTION, 'upload.after-advance']

/** The digest's row, whose bytes are stored already. */
export const FINISH: readonly Failpoint[] = ['upload.before-finish', ...TRANSACTION, 'upload.after-finish']

export const SEAL_AND_FINISH: readonly Failpoint[] = ['upload.after-seal', ...FINISH]

export const MOUNT: readonly Failpoint[] = ['mount.before', ...TRANSACTION, 'mount.after']
export const PUSH_MANIFEST: readonly Failpoint[] = ['manifest.before', ...TRANSACTION, 'manifest.after']
export const DELETE: readonly Failpoint[] = ['delete.before', ...TRANSACTION, 'delete.after']
export const ABORT: readonly Failpoint[] = [...TRANSACTION, 'upload.after-abort']

/** One round of clean-up that finds expired uploads and due tombstones. */
export const SWEEP: readonly Failpoint[] = [...TRANSACTION, 'sweep.after']
export const REAP: readonly Failpoint[] = [
  'reap.before-storage',
  'reap.after-storage',
  ...TRANSACTION,
  'reap.after-rows',
]

/** One round of collection: its own points, of which each is passed at every step of its rule. */
export const COLLECT: readonly Failpoint[] = [
  'collect.before-repositories',
  'collect.before-manifests',
  'collect.before-links',
  'collect.before-blobs',
  'collect.before-history',
  'collect.before-end',
]

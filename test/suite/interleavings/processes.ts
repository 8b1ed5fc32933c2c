import { digestOf } from '../../../src/core/digest.ts'
import { type ObjectKey, parseRepoName, type RepoName, type UploadId } from '../../../src/core/names.ts'
import { image, layer, NOW, OWNER, openUpload, push } from '../metadata/fixture.ts'
import type { Process, Stage } from './explore.ts'

/*
 * Who takes part: the processes of the model of collection, each step of which is one command or one touch of storage. There is one blob.
 * All leases are over at once, so that nothing is protected but by the rules themselves.
 */

export const DIGEST = digestOf('the blob')
const SIZE = 100
/** When an upload's time is over; only the sweeper lives then. */
const OVER = NOW + 1

/** Orders that are known to be wrong, to show that the search finds it. */
export type Breakage =
  /** The object is deleted before its row. */
  | 'storage-first'
  /** An object's place is its digest, not its upload. */
  | 'place-by-digest'

/** Where an object lies. */
export const placeOf = (key: string, breakage?: Breakage) => (breakage === 'place-by-digest' ? 'digest' : key)

export const REPOS: readonly RepoName[] = [parseRepoName('one/a'), parseRepoName('one/b')]

interface Pusher {
  readonly at: 'look' | 'renew' | 'open' | 'peek' | 'put' | 'finish' | 'push' | 'pushed' | 'done'
  readonly tries: number
  /** The object that a whole body was found in. */
  readonly reuse?: string
}

export interface PusherOptions {
  readonly name: string
  readonly repo: RepoName
  /** How the blob is brought: in pieces; in one request, of which the bytes are not written where they are stored; by a mount first. */
  readonly way: 'pieces' | 'whole' | 'mount'
  readonly tries: number
  readonly breakage?: Breakage | undefined
}

/** Looks for the blob, uploads it where it is not, pushes a manifest that lists it, and deletes that or not. */
export function pusher({ name, repo, way, tries: most, breakage }: PusherOptions): Process<Pusher> {
  const manifest = image([layer(DIGEST, SIZE)], { size: 64 + name.charCodeAt(0) })
  const uuidOf = (kind: number, tries: number) =>
    `00000000-0000-4000-800${kind}-0000000${name.charCodeAt(0)}0${tries}`
  const idOf = (tries: number) => uuidOf(1, tries) as UploadId
  const keyOf = (tries: number) => uuidOf(2, tries) as string as ObjectKey
  const where = { repo, now: NOW, grace: 0 }
  const again = ({ tries }: Pusher): Pusher =>
    tries + 1 < most ? { at: 'look', tries: tries + 1 } : { at: 'done', tries }
  const at = (me: Pusher, next: Pusher['at']): Pusher => ({ ...me, at: next })

  const look =
    (me: Pusher) =>
    async ({ store }: Stage) => {
      const found = await store.findBlob(repo, DIGEST)
      if (found === undefined) return at(me, 'open')
      return at(me, found.leaseUntil === undefined ? 'push' : 'renew')
    }
  const renew =
    (me: Pusher) =>
    async ({ store }: Stage) =>
      at(me, (await store.extendLease(repo, DIGEST, NOW)) ? 'push' : 'open')
  const open =
    (me: Pusher) =>
    async ({ store }: Stage) => {
      if (
        way === 'mount' &&
        (await store.mountBlob({ ...where, digest: DIGEST, from: undefined })) !== undefined
      )
        return at(me, 'push')
      const upload = { id: idOf(me.tries), key: keyOf(me.tries), now: NOW, expiresAt: OVER }
      await openUpload(store as never, repo, upload)
      return at(me, way === 'whole' ? 'peek' : 'put')
    }
  const peek =
    (me: Pusher) =>
    async ({ store }: Stage) => {
      const object = await store.findObject(DIGEST)
      return object === undefined ? at(me, 'put') : { ...at(me, 'finish'), reuse: object.key as string }
    }
  // One step: from the look at the session to the first byte it takes less than a tombstone waits, or the request is cut.
  const put =
    (me: Pusher) =>
    async ({ store, stored }: Stage) => {
      if ((await store.findUpload(repo, idOf(me.tries), OWNER, NOW)) === undefined) return again(me)
      stored.add(placeOf(keyOf(me.tries), breakage))
      return at(me, 'finish')
    }
  const finish =
    (me: Pusher) =>
    async ({ store }: Stage): Promise<Pusher> => {
      const { outcome } = await store.finishUpload({
        ...{
          id: idOf(me.tries),
          digest: DIGEST,
          size: SIZE,
          now: NOW,
          grace: 0,
          deleteAfter: NOW,
          expiresAt: OVER,
        },
        ...(me.reuse !== undefined && { reuse: me.reuse as ObjectKey }),
      })
      return outcome === 'finished' ? { at: 'push', tries: me.tries } : again(me)
    }
  const list =
    (me: Pusher) =>
    async ({ store }: Stage) => {
      const { outcome } = await push(store as never, repo, manifest, { sparse: 'none', now: NOW, grace: 0 })
      return outcome === 'stored' ? at(me, 'pushed') : again(me)
    }
  const remove =
    (me: Pusher) =>
    async ({ store }: Stage) => {
      await store.deleteManifest({ ...where, digest: manifest.digest })
      return at(me, 'done')
    }
  const leave = (me: Pusher) => async () => at(me, 'done')

  return {
    state: { at: 'look', tries: 0 },
    steps: (me) => {
      if (me.at === 'done') return []
      if (me.at === 'pushed') return [remove(me), leave(me)]
      return [{ look, renew, open, peek, put, finish, push: list }[me.at](me)]
    },
  }
}

/** Deletes the blob where nothing lists it, once. */
export function deleter(repo: RepoName): Process<{ readonly done: boolean }> {
  const remove = async ({ store }: Stage) => {
    await store.deleteBlob({ repo, digest: DIGEST, now: NOW, grace: 0 })
    return { done: true }
  }
  return { state: { done: false }, steps: ({ done }) => (done ? [] : [remove]) }
}

const REVIEW = { now: NOW, limit: 10, undo: 0, grace: 0 }
const RULES = {
  g1: ({ store }: Stage) => store.reviewManifests(REVIEW),
  g2: ({ store }: Stage) => store.reviewLinks(REVIEW),
  g3: ({ store }: Stage) => store.reviewBlobs({ ...REVIEW, deleteAfter: NOW }),
}

/** G1, G2, G3, so many times. */
export function collector(rounds: number, breakage?: Breakage): Process<{ readonly step: number }> {
  /** What stood in the row is gone from storage, and then the row. */
  const early = async ({ store, stored }: Stage) => {
    const preview = await store.previewGarbage(REVIEW)
    const object = preview.blobs > 0 ? await store.findObject(DIGEST) : undefined
    if (object !== undefined) stored.delete(object.key)
  }
  const round: readonly ((stage: Stage) => Promise<unknown>)[] = [
    RULES.g1,
    RULES.g2,
    ...(breakage === 'storage-first' ? [early] : []),
    RULES.g3,
  ]
  return {
    state: { step: 0 },
    steps: ({ step }) => {
      const rule = round[step % round.length]
      if (rule === undefined || step >= rounds * round.length) return []
      return [
        async (stage) => {
          await rule(stage)
          return { step: step + 1 }
        },
      ]
    },
  }
}

interface Reaper {
  readonly rounds: number
  readonly due?: readonly string[]
  readonly deleted?: true
}

/** R: what is due, its deletion from storage, and that of its rows – three steps, so many times. */
export function reaper(rounds: number, breakage?: Breakage): Process<Reaper> {
  const ask =
    (me: Reaper) =>
    async ({ store }: Stage) => {
      const due = await store.dueTombstones(NOW, 10)
      return due.length === 0 ? me : { ...me, due }
    }
  const reap =
    (me: Reaper, due: readonly string[]) =>
    async ({ stored }: Stage): Promise<Reaper> => {
      for (const key of due) stored.delete(placeOf(key, breakage))
      return { ...me, deleted: true }
    }
  const clear =
    (me: Reaper, due: readonly string[]) =>
    async ({ store }: Stage) => {
      await store.clearTombstones(due as readonly ObjectKey[])
      return { rounds: me.rounds + 1 }
    }
  return {
    state: { rounds: 0 },
    steps: (me) => {
      if (me.rounds >= rounds) return []
      if (me.due === undefined) return [ask(me)]
      return [me.deleted ? clear(me, me.due) : reap(me, me.due)]
    },
  }
}

/** S: finds the time of every session over, once. */
export function sweeper(): Process<{ readonly done: boolean }> {
  const sweep = async ({ store }: Stage) => {
    await store.sweepUploads({ now: OVER, deleteAfter: NOW, limit: 10 })
    return { done: true }
  }
  return { state: { done: false }, steps: ({ done }) => (done ? [] : [sweep]) }
}

/** Invariant 1: what a manifest lists has a row, and its object is stored. */
export function findBroken(
  facts: readonly string[],
  stored: ReadonlySet<string>,
  breakage?: Breakage,
): string | undefined {
  for (const fact of facts) {
    if (fact.startsWith('manifest ') && !facts.some((other) => other.startsWith(`lists ${fact.slice(9)} `)))
      return `${fact} lists what has no row`
    const [, , object = ''] = fact.startsWith('lists ') ? fact.split(' ') : []
    if (object !== '' && !stored.has(placeOf(object, breakage)))
      return `object ${object} is listed, and not stored`
  }
  return undefined
}

/** Nothing leaks: once everyone is done, what nothing keeps goes to the last object. Says what is left. */
export async function findLeak(
  { store, stored }: Stage,
  facts: () => Promise<string[]>,
): Promise<string | undefined> {
  await store.sweepUploads({ now: OVER, deleteAfter: NOW, limit: 10 })
  for (const rule of [RULES.g1, RULES.g2, RULES.g3]) await rule({ store, stored })
  const due = await store.dueTombstones(NOW, 10)
  for (const key of due) stored.delete(key)
  await store.clearTombstones(due)
  const left = (await facts()).filter((fact) => !fact.startsWith('repo '))
  return left.length === 0 && stored.size === 0
    ? undefined
    : `left: ${left.join('; ')}; stored: ${[...stored].join(' ')}`
}

import type { Model } from './linearizable.ts'

/** What is done to, and seen of, a tag. A tag's state is the digest it points to, null where there is none. */
export type TagOp =
  | { readonly kind: 'put'; readonly digest: string }
  | { readonly kind: 'delete' }
  /** The manifest of this digest was deleted, and with it every tag on it (D2). */
  | { readonly kind: 'drop'; readonly digest: string }
  | { readonly kind: 'read'; readonly digest: string | null }
  /** A list showed it, or did not. */
  | { readonly kind: 'listed'; readonly there: boolean }

/** C5: last writer wins, and nothing comes back. */
export const tagModel: Model<string | null, TagOp> = {
  step(state, op) {
    switch (op.kind) {
      case 'put':
        return op.digest
      case 'delete':
        return state === null ? undefined : null
      case 'drop':
        return state === op.digest ? null : state
      case 'read':
        return state === op.digest ? state : undefined
      case 'listed':
        return (state !== null) === op.there ? state : undefined
    }
  },
}

/** What is done to, and seen of, a blob or a manifest in a repository. */
export type PresenceOp =
  | { readonly kind: 'add' }
  | { readonly kind: 'remove' }
  | { readonly kind: 'seen'; readonly there: boolean }

/** C5: an add/remove register. */
export const presenceModel: Model<boolean, PresenceOp> = {
  step(state, op) {
    switch (op.kind) {
      case 'add':
        return true
      case 'remove':
        return state ? false : undefined
      case 'seen':
        return state === op.there ? state : undefined
    }
  },
}

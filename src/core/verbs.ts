/**
 * What can be granted on a repository. `create-tag` pushes new tags and moves none; `admin` changes settings and grants. As bits, so that
 * a grant is one number. Values are stored: never changed, never reused.
 */
export const VERBS = { pull: 1, push: 2, 'create-tag': 4, delete: 8, admin: 16 } as const

export type Verb = keyof typeof VERBS
/** A set of verbs, as bits. */
export type VerbSet = number

export const NO_VERBS: VerbSet = 0
export const ALL_VERBS: VerbSet = 31

/** Sets with a name, as Docker Hub and Quay have them. */
export const BUNDLES = { read: 1, write: 1 | 2 | 4, admin: ALL_VERBS } as const
export type Bundle = keyof typeof BUNDLES

const NAMES = Object.keys(VERBS) as Verb[]

/** Whether the text is a verb. */
export function isVerb(text: string): text is Verb {
  return Object.hasOwn(VERBS, text)
}

/**
 * A set from verbs, with what they bring: `admin` everything, `push` also `create-tag`, each of them `pull` – clients look before they push
 * or delete.
 */
export function verbSet(verbs: readonly Verb[]): VerbSet {
  let set = NO_VERBS
  for (const verb of verbs) set |= VERBS[verb]
  return closed(set)
}

/** The set with everything that its verbs bring. */
export function closed(set: VerbSet): VerbSet {
  if (set & VERBS.admin) return ALL_VERBS
  if (set & VERBS.push) set |= VERBS['create-tag']
  return set === NO_VERBS ? set : set | VERBS.pull
}

/** Whether the set holds the verb. */
export function allows(set: VerbSet, verb: Verb): boolean {
  return (set & VERBS[verb]) !== 0
}

/** The verbs of a set, weakest first. */
export function verbsIn(set: VerbSet): Verb[] {
  return NAMES.filter((verb) => allows(set, verb))
}

import {
  BUNDLES,
  type Bundle,
  closed,
  isVerb,
  NO_VERBS,
  VERBS,
  type Verb,
  type VerbSet,
} from '../core/verbs.ts'

/** A set from verbs and bundles as the contract has them, with what they bring. */
export function verbsFrom(words: readonly (Verb | Bundle)[]): VerbSet {
  let set = NO_VERBS
  for (const word of words) set |= isVerb(word) ? VERBS[word] : BUNDLES[word]
  return closed(set)
}

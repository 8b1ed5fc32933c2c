import { refuse } from './errors.ts'
import { fitsGlob } from './glob.ts'
import { MAX_TAG_LENGTH, type Tag } from './names.ts'

/*
 * Patterns of tags: `*` stands for anything, `?` for one character; `!` in front excepts what fits. `v*` with `!v*-rc*` is every version
 * that is no release candidate, whichever comes first.
 */

const PATTERN = /^!?[A-Za-z0-9_.\-*?]+$/

/** Parses a pattern of tags. Refuses `pattern-invalid`. */
export function parseTagPattern(text: string): string {
  if (text.length > MAX_TAG_LENGTH + 1 || !PATTERN.test(text)) {
    throw refuse(
      'pattern-invalid',
      `${JSON.stringify(text.slice(0, MAX_TAG_LENGTH + 2))} is not a pattern of tags; write a tag in which * stands for any characters and ? for one, such as v*, with ! in front to except what fits, such as !v*-rc*`,
    )
  }
  return text
}

/** Whether a tag fits some of the patterns, and none that excepts it. */
export function fitsTagPatterns(tag: Tag, patterns: readonly string[]): boolean {
  let fits = false
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (fitsGlob(tag, pattern.slice(1))) return false
    } else {
      fits ||= fitsGlob(tag, pattern)
    }
  }
  return fits
}

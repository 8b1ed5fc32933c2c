import { refuse } from './errors.ts'
import { MAX_NAME_LENGTH } from './names.ts'

/*
 * Patterns of repository names: `*` stands for anything within one part, `**` for anything, `?` for one character of a part. `acme/*` is
 * every repository directly in acme, `acme/**` every one below it.
 */

const GLOB = /^[a-z0-9._\-*?]+(?:\/[a-z0-9._\-*?]+)*$/

/** The pattern that every repository fits. */
export const EVERYTHING = '**'

/** Parses a pattern of repository names. Refuses `pattern-invalid`. */
export function parseGlob(text: string): string {
  if (text.length > MAX_NAME_LENGTH || !GLOB.test(text)) {
    throw refuse(
      'pattern-invalid',
      `${JSON.stringify(text.slice(0, MAX_NAME_LENGTH + 1))} is not a pattern of repositories; write a name in which * stands for part of a component and ** for any number of them, such as acme/* or acme/**`,
    )
  }
  return text
}

/** Whether a name fits a pattern. Takes at most pattern × name steps, whatever the pattern. */
export function fitsGlob(name: string, glob: string): boolean {
  if (!/[*?]/.test(glob)) return name === glob
  // `reached[i]`: the name's first i characters can be had from the part of the pattern read so far.
  let reached = new Uint8Array(name.length + 1)
  reached[0] = 1
  for (let at = 0; at < glob.length; at++) {
    const next = new Uint8Array(name.length + 1)
    const deep = glob[at] === '*' && glob[at + 1] === '*'
    if (deep) while (glob[at + 1] === '*') at++
    if (glob[at] === '*') {
      for (let i = 0; i <= name.length; i++) {
        const goesOn = i > 0 && next[i - 1] === 1 && (deep || name[i - 1] !== '/')
        if (reached[i] === 1 || goesOn) next[i] = 1
      }
    } else {
      for (let i = 1; i <= name.length; i++) {
        const same = glob[at] === '?' ? name[i - 1] !== '/' : name[i - 1] === glob[at]
        if (reached[i - 1] === 1 && same) next[i] = 1
      }
    }
    reached = next
  }
  return reached[name.length] === 1
}

/** What every name that fits begins with. */
export function literalPrefix(glob: string): string {
  const wild = glob.search(/[*?]/)
  return wild < 0 ? glob : glob.slice(0, wild)
}

/** Reads a value that someone said – text from the environment or a flag, anything from a file. Throws a sentence's end. */
export type Reader<T> = (value: unknown) => T

function wrong(must: string): never {
  throw new TypeError(`must be ${must}`)
}

/** Any text. */
export const text: Reader<string> = (value) =>
  typeof value === 'string' && value !== '' ? value : wrong('a text')

const TRUTH: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
}

/** Yes or no. */
export const flag: Reader<boolean> = (value) => {
  const said =
    typeof value === 'string' && Object.hasOwn(TRUTH, value.toLowerCase())
      ? TRUTH[value.toLowerCase()]
      : value
  return typeof said === 'boolean' ? said : wrong('true or false')
}

const DECIMAL = /^\d+(?:\.\d+)?$/

function between(value: unknown, least: number, most: number, must: string): number {
  const said = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value
  return typeof said === 'number' && said >= least && said <= most ? said : wrong(must)
}

/** A number within bounds, in whatever unit the setting has. */
export function number(least: number, most = Number.MAX_SAFE_INTEGER): Reader<number> {
  const must =
    most === Number.MAX_SAFE_INTEGER ? `a number of at least ${least}` : `a number from ${least} to ${most}`
  return (value) => between(value, least, most, must)
}

/** A whole number within bounds. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Reader<number> {
  const must =
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${least}`
      : `a whole number from ${least} to ${most}`
  return (value) => {
    const said = between(value, least, most, must)
    return Number.isInteger(said) ? said : wrong(must)
  }
}

/** One of some words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Reader<Word> {
  return (value) =>
    words.find((word) => word === value) ??
    wrong(words.length === 1 ? `${words[0]}` : `one of ${words.join(', ')}`)
}

/** Texts, as a list or separated by commas. */
export const texts: Reader<string[]> = (value) => {
  const said = typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value
  if (!Array.isArray(said) || !said.every((part) => typeof part === 'string')) return wrong('a list of texts')
  return said.filter((part) => part !== '')
}

/** Texts as above, each of which is fit: `must` says for what. */
export function textsThat(isFit: (text: string) => boolean, must: string): Reader<string[]> {
  return (value) => {
    const said = texts(value)
    const unfit = said.find((part) => !isFit(part))
    return unfit === undefined ? said : wrong(`${must}, and ${JSON.stringify(unfit)} is none`)
  }
}

/** An address with one of these protocols. */
export function url(example: string, ...protocols: readonly string[]): Reader<string | undefined> {
  return (value) => {
    const parsed = typeof value === 'string' ? URL.parse(value) : null
    if (parsed === null || !protocols.includes(parsed.protocol)) return wrong(`an address such as ${example}`)
    return value as string
  }
}

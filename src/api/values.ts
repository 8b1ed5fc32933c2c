import { isRefusal } from '../core/errors.ts'
import type { LastUse } from '../store/meta/account-store.ts'
import { Refusal } from './problem.ts'

/* Values of the contract and what they are inside. */

/** The members of an object that were said: those that are undefined are left out. */
export type Said<T extends object> = {
  [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name]
} & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>
}

/** Leaves out the members that are undefined, as schemas write what was not said. */
export function said<T extends object>(members: T): Said<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Said<T>
}

/** A time as the API writes it (RFC 3339, UTC). `at`: ms since the epoch. */
export function timeText(at: number): string {
  return new Date(at).toISOString()
}

/** The end of something; null: never. */
export function expiryText(at: number | undefined): string | null {
  return at === undefined ? null : timeText(at)
}

/** When something happened last; null: never. */
export function momentText(at: number | undefined): string | null {
  return at === undefined ? null : timeText(at)
}

/** When and from where something was used last; null: never. */
export function lastUse(use: LastUse | undefined): { at: string; address: string; agent: string } | null {
  return use === undefined ? null : { at: timeText(use.at), address: use.address, agent: use.agent }
}

/** The end that something is given when it is made, in ms since the epoch. Refuses `request-invalid` for one that is over. */
export function futureTime(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const at = Date.parse(text)
  if (at > now) return at
  throw invalidMember('expiresAt', `${text} is over; name a time that is to come`)
}

/** The number in a path. Refuses as told for a text that is none, and so names nothing. */
export function idFrom(text: string, refusal: (text: string) => Refusal): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw refusal(text)
}

/** Parses what stands at a place of the body; its refusal names the place. */
export function atMember<T>(at: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new Refusal(error.kind, error.message, [{ at, message: error.message }])
  }
}

/** Refuses for one member of the body. */
export function invalidMember(at: string, message: string): Refusal {
  return new Refusal('request-invalid', message, [{ at, message }])
}

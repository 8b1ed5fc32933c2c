import { randomBytes } from 'node:crypto'

/** Ids that are unique across processes and cheap to make: a random part of the process, then a counter. */
export function requestIds(): () => string {
  const process = randomBytes(6).toString('hex')
  let count = 0
  return () => `${process}-${(++count).toString(36)}`
}

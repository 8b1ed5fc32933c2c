import { describe, expect, test } from 'bun:test'
import { type Interval, linearize } from './linearizable.ts'
import { type PresenceOp, presenceModel, type TagOp, tagModel } from './models.ts'

const put = (digest: string): TagOp => ({ kind: 'put', digest })
const read = (digest: string | null): TagOp => ({ kind: 'read', digest })
const at = <Op>(call: number, end: number, op: Op): Interval<Op> => ({ call, end, op })
const maybe = <Op>(call: number, end: number, op: Op): Interval<Op> => ({ call, end, op, optional: true })

const GOOD: Record<string, Interval<TagOp>[]> = {
  'nothing happened': [],
  'one after the other': [at(1, 2, put('a')), at(3, 4, read('a')), at(5, 6, put('b')), at(7, 8, read('b'))],
  'a read beside a write sees the old or the new': [
    at(1, 2, put('a')),
    at(3, 8, put('b')),
    at(4, 5, read('a')),
    at(6, 7, read('b')),
  ],
  'two writes at once come in either order': [
    at(1, 4, put('a')),
    at(2, 3, put('b')),
    at(5, 6, read('a')),
    at(7, 8, read('a')),
  ],
  'the order of answers is not the order of effects': [
    at(1, 10, put('a')),
    at(2, 3, put('b')),
    at(4, 5, read('b')),
    at(6, 7, read('a')),
  ],
  'an unanswered write took effect': [at(1, 2, put('a')), maybe(3, 9, put('b')), at(10, 11, read('b'))],
  'an unanswered write did not take effect': [
    at(1, 2, put('a')),
    maybe(3, 9, put('b')),
    at(10, 11, read('a')),
  ],
  'an unanswered write took effect late': [
    at(1, 2, put('a')),
    maybe(3, 9, put('b')),
    at(4, 5, read('a')),
    at(6, 7, read('b')),
  ],
  'a deleted manifest takes its tag along': [
    at(1, 2, put('a')),
    at(3, 4, { kind: 'drop', digest: 'a' }),
    at(5, 6, read(null)),
  ],
  'and leaves a tag that stands elsewhere': [
    at(1, 2, put('b')),
    at(3, 4, { kind: 'drop', digest: 'a' }),
    at(5, 6, { kind: 'listed', there: true }),
    at(7, 8, { kind: 'delete' }),
  ],
}

const BAD: Record<string, Interval<TagOp>[]> = {
  'an answered write is lost': [at(1, 2, put('a')), at(3, 4, put('b')), at(5, 6, read('a'))],
  'a first write is lost': [at(1, 2, put('a')), at(3, 4, read(null))],
  'time runs backwards between two readers': [
    at(1, 2, put('a')),
    at(3, 10, put('b')),
    at(4, 5, read('b')),
    at(6, 7, read('a')),
  ],
  'a value that nobody wrote': [at(1, 2, put('a')), at(3, 4, read('c'))],
  'an unanswered write comes back after it was overwritten': [
    maybe(1, 20, put('a')),
    at(2, 3, read('a')),
    at(4, 5, put('b')),
    at(6, 7, read('b')),
    at(8, 9, read('a')),
  ],
  'an unanswered write takes effect after its time is over': [
    at(1, 2, put('a')),
    maybe(3, 5, put('b')),
    at(6, 7, read('a')),
    at(8, 9, read('b')),
  ],
  'a deleted tag is still listed': [
    at(1, 2, put('a')),
    at(3, 4, { kind: 'delete' }),
    at(5, 6, { kind: 'listed', there: true }),
  ],
  'a deleted manifest left its tag': [
    at(1, 2, put('a')),
    at(3, 4, { kind: 'drop', digest: 'a' }),
    at(5, 6, read('a')),
  ],
  'a tag was deleted twice': [at(1, 2, put('a')), at(3, 9, { kind: 'delete' }), at(4, 8, { kind: 'delete' })],
}

describe('tag histories', () => {
  for (const [title, history] of Object.entries(GOOD))
    test(`explained: ${title}`, () => expect(linearize(tagModel, null, history)).toEqual({ ok: true }))
  for (const [title, history] of Object.entries(BAD))
    test(`refused: ${title}`, () => expect(linearize(tagModel, null, history).ok).toBe(false))

  test('tell how far an order got', () => {
    const history = [at(1, 2, put('a')), at(3, 4, read('b'))]
    expect(linearize(tagModel, null, history)).toEqual({
      ok: false,
      longest: [at(1, 2, put('a'))],
      stuck: [at(3, 4, read('b'))],
    })
  })

  test('of many clients at once are searched in reasonable time', () => {
    const rounds = Array.from({ length: 60 }, (_, round) => {
      const start = round * 100
      const writes = Array.from({ length: 16 }, (_, n) => at(start + n, start + 50, put(`${round}.${n}`)))
      return [...writes, at(start + 60, start + 61, read(`${round}.7`))]
    }).flat()
    expect(linearize(tagModel, null, rounds)).toEqual({ ok: true })
  })
})

describe('presence histories', () => {
  const add: PresenceOp = { kind: 'add' }
  const remove: PresenceOp = { kind: 'remove' }
  const seen = (there: boolean): PresenceOp => ({ kind: 'seen', there })

  test('explained: PUT beside DELETE ends in one of the two orders (DL-11)', () => {
    const race = [at(1, 2, add), at(3, 6, remove), at(4, 5, add)]
    expect(linearize(presenceModel, false, [...race, at(7, 8, seen(true))]).ok).toBe(true)
    expect(linearize(presenceModel, false, [...race, at(7, 8, seen(false))]).ok).toBe(true)
  })

  test('refused: what was acknowledged is gone', () =>
    expect(linearize(presenceModel, false, [at(1, 2, add), at(3, 4, seen(false))]).ok).toBe(false))

  test('refused: what was deleted is back', () =>
    expect(linearize(presenceModel, true, [at(1, 2, remove), at(3, 4, seen(true))]).ok).toBe(false))

  test('refused: what was there before a crash is gone after it', () =>
    expect(linearize(presenceModel, true, [maybe(1, 2, add), at(3, 4, seen(false))]).ok).toBe(false))
})

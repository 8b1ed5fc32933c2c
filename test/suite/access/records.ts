import { expect, test } from 'bun:test'
import type { AuditFilter, SigningKey } from '../../../src/store/meta/access-store.ts'
import { NOW, rejection } from '../metadata/fixture.ts'
import { CAUSE, type DatabaseUnderTest, freshName } from './fixture.ts'

/** The audit, and the keys that sign tokens. */
export function recordCases(made: () => DatabaseUnderTest) {
  const store = () => made().store

  test('the audit is read backwards, by namespace, actor, action and time, in pages', async () => {
    const [space, other, actor] = [freshName('n'), freshName('n'), freshName('a')]
    for (let at = 0; at < 12; at++) {
      await store().writeAudit(
        {
          action: at % 2 === 0 ? 'team.create' : 'team.delete',
          target: `t${at}`,
          namespace: at % 3 === 0 ? other : space,
          result: at === 5 ? 'refused' : 'done',
          ...(at === 1 && { detail: { why: 'ü"' } }),
        },
        // The clocks of two servers differ: every third row is told a little too late.
        {
          ...CAUSE,
          actor: at === 4 ? actor : 'operator',
          credential: 7,
          now: NOW + 1e6 + at - (at % 3 === 1 ? 2 : 0),
        },
      )
    }
    const list = async (filter: AuditFilter, limit = 100, last?: number) => {
      const { items, more } = await store().listAudit(filter, { limit, ...(last !== undefined && { last }) })
      return { targets: items.map(({ target }) => target), more, last: items.at(-1)?.id }
    }
    const of = (...numbers: number[]) => numbers.map((at) => `t${at}`)
    expect((await list({ namespace: space })).targets).toEqual(of(11, 10, 8, 7, 5, 4, 2, 1))
    const first = await list({ namespace: space }, 3)
    expect(first).toMatchObject({ targets: of(11, 10, 8), more: true })
    const second = await list({ namespace: space }, 5, first.last)
    expect(second).toMatchObject({ targets: of(7, 5, 4, 2, 1), more: false })
    expect(await list({ namespace: space }, 5, second.last)).toMatchObject({ targets: [], more: false })
    expect((await list({ actor })).targets).toEqual(of(4))
    expect((await list({ namespace: space, action: 'team.delete' })).targets).toEqual(of(11, 7, 5, 1))
    expect((await list({ namespace: space, action: 'team.delete', actor })).targets).toEqual([])
    const at = (from: number, to: number) => ({ since: NOW + 1e6 + from, until: NOW + 1e6 + to })
    expect((await list(at(3, 6))).targets).toEqual(of(7, 6, 5, 3))
    expect((await list({ ...at(3, 6), namespace: other })).targets).toEqual(of(6, 3))
    expect((await list({ since: NOW + 1e6 + 11 })).targets).toEqual(of(11))
    expect((await list({ since: NOW + 1e9 })).targets).toEqual([])
    expect((await list({ until: 1 })).targets).toEqual([])
    expect(
      (await store().listAudit({ namespace: space, action: 'team.delete' }, { limit: 9 })).items[3],
    ).toEqual({
      id: second.last as number,
      at: NOW + 1e6 - 1,
      actor: 'operator',
      credential: 7,
      action: 'team.delete',
      target: 't1',
      namespace: space,
      result: 'done',
      address: CAUSE.address,
      agent: CAUSE.agent,
      requestId: CAUSE.requestId,
      detail: '{"why":"ü\\""}',
    })
    const refused = await store().listAudit({ namespace: space, action: 'team.delete' }, { limit: 9 })
    expect(refused.items.map(({ result }) => result)).toEqual(['done', 'done', 'refused', 'done'])
    expect((await rejection(store().listAudit({ actor: '\0' }, { limit: 9 }))).kind).toBe('request-invalid')
    const nul = { action: 'login' as const, target: 'a\0', result: 'done' as const }
    expect((await rejection(store().writeAudit(nul, CAUSE))).kind).toBe('request-invalid')
  })

  const key = (createdAt: number): SigningKey => ({
    kid: freshName('k'),
    privateKey: '{"d":"x"}',
    publicKey: '{"x":"y"}',
    createdAt,
  })

  test('keys are rotated once by however many, the newest comes first, and old ones are forgotten', async () => {
    const rotate = (newest: string | undefined, createdAt: number, forgetBefore = 0) =>
      store().rotateSigningKey({ key: key(createdAt), newest, forgetBefore })
    expect(await store().listSigningKeys()).toEqual([])
    const rotated = await Promise.all(Array.from({ length: 12 }, () => rotate(undefined, 1000)))
    const [first] = await store().listSigningKeys()
    expect((await store().listSigningKeys()).length).toBe(1)
    for (const keys of rotated) expect(keys).toEqual([first as SigningKey])

    const again = await Promise.all(Array.from({ length: 12 }, () => rotate(first?.kid, 2000)))
    const keys = await store().listSigningKeys()
    expect(keys.map(({ createdAt }) => createdAt)).toEqual([2000, 1000])
    for (const seen of again) expect(seen).toEqual(keys)

    const late = await rotate(keys[0]?.kid, 500)
    expect(late.map(({ createdAt }) => createdAt)).toEqual([2001, 2000, 1000])
    expect((await rotate('unknown', 9000, 2001)).map(({ createdAt }) => createdAt)).toEqual([2001])
    expect((await rotate('unknown', 9000, 9999)).map(({ createdAt }) => createdAt)).toEqual([2001])
  })
}

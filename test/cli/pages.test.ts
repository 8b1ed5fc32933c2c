import { expect, test } from 'bun:test'
import { allOf } from '../../src/cli/command.ts'

/** A list of numbers as the API gives it, page by page; notes what was asked for. */
function listOf(length: number) {
  const asked: number[] = []
  const call = async ({ limit, after = '0' }: { readonly limit: number; readonly after?: string }) => {
    asked.push(limit)
    const end = Math.min(Number(after) + limit, length)
    const items = Array.from({ length: end - Number(after) }, (_, at) => Number(after) + at)
    return { items, ...(end < length && { next: String(end) }) }
  }
  return { asked, call }
}

test.each([
  [0, undefined, [1000]],
  [1000, undefined, [1000]],
  [1001, undefined, [1000, 1000]],
  [2500, undefined, [1000, 1000, 1000]],
  [2500, 1, [1]],
  [2500, 1000, [1000]],
  [2500, 1001, [1000, 1]],
  [2500, 9999, [1000, 1000, 1000]],
] as const)('of %d items, at most %p are got by pages of %p', async (length, limit, pages) => {
  const { asked, call } = listOf(length)
  const items = await allOf(call, limit)
  expect(items).toEqual(Array.from({ length: Math.min(length, limit ?? length) }, (_, at) => at))
  expect(asked).toEqual([...pages])
})

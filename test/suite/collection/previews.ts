import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ManifestReference } from '../../../src/core/manifest.ts'
import {
  DAY,
  freshRepo,
  image,
  index,
  NOW,
  push,
  pushBlob,
  removeTag,
  type TestManifest,
} from '../metadata/fixture.ts'
import {
  type CollectionUnderTest,
  collectAll,
  idOf,
  LIMIT,
  leftBy,
  manifestRow,
  setUndo,
  UNDO,
} from './fixture.ts'

const BLOBS = 4

const manifest = fc.record({
  blobs: fc.uniqueArray(fc.nat({ max: BLOBS - 1 }), { maxLength: 3 }),
  children: fc.uniqueArray(fc.nat({ max: 9 }), { maxLength: 3 }),
  subject: fc.option(fc.nat({ max: 9 }), { freq: 2 }),
  /** A tag that stays, or one that goes again. */
  tag: fc.constantFrom('', '', '', 'stays', 'goes'),
  /** How long before the review a tag left it. */
  leftFor: fc.option(fc.constantFrom(UNDO - 1, UNDO, 2 * UNDO), { freq: 3 }),
  protected: fc.nat({ max: 7 }).map((chance) => chance === 0),
})
const world = fc.record({
  manifests: fc.array(manifest, { minLength: 1, maxLength: 8, size: 'max' }),
  undo: fc.option(fc.constantFrom(0, (2 * UNDO) / 1000), { freq: 3 }),
})

/** What a preview tells is what goes, whatever keeps or kept what. */
export function previewCases(made: () => CollectionUnderTest) {
  test('any repository: a preview tells exactly what then goes', async () => {
    const { store } = made()
    const sql = (text: string) => made().sql(text)
    const now = NOW + DAY
    let gone = 0
    await fc.assert(
      fc.asyncProperty(world, async ({ manifests, undo }) => {
        const repo = freshRepo(`preview${gone}`)
        const blobs: ManifestReference[] = []
        for (let at = 0; at < BLOBS; at++) blobs.push(await pushBlob(store, repo))
        const pushed: TestManifest[] = []
        const at = (place: number) => pushed[place % pushed.length]
        for (const [number, shape] of manifests.entries()) {
          const children = pushed.length === 0 ? [] : shape.children.map(at).filter((it) => it !== undefined)
          const subject = shape.subject === null ? undefined : at(shape.subject)?.digest
          const facts = subject === undefined ? {} : { subject }
          const layers = shape.blobs.map((blob) => blobs[blob]).filter((blob) => blob !== undefined)
          const made = children.length > 0 ? index([...new Set(children)], facts) : image(layers, facts)
          const tags = shape.tag === '' ? [] : [`${shape.tag}${number}`]
          expect(await push(store, repo, made, { tags })).toEqual({ outcome: 'stored' })
          pushed.push(made)
        }
        for (const [number, shape] of manifests.entries()) {
          const one = pushed[number] as TestManifest
          if (shape.tag === 'goes') await store.deleteTag(removeTag(repo, `goes${number}`))
          if (shape.leftFor !== null) await leftBy(sql, repo, one, now - shape.leftFor)
          if (shape.protected) {
            await sql(`INSERT INTO manifest_protection (repo_id, manifest_id, reason, created_at)
              VALUES (${idOf(repo)}, ${manifestRow(repo, one)}, 'r', 0)`)
          }
        }
        if (undo !== null) await setUndo(sql, repo, undo)
        const told = await store.previewGarbage({ now, limit: LIMIT, undo: UNDO })
        const sizes = async () => {
          const [row] = (await sql(`SELECT coalesce(sum(size), 0) AS n FROM manifest
            WHERE repo_id = ${idOf(repo)}`)) as { n: number | string }[]
          return Number(row?.n)
        }
        const before = await sizes()
        const done = await collectAll(store, { now, undo: UNDO })
        const bytes = done.bytes + before - (await sizes())
        const { examples, ...numbers } = told
        expect(numbers).toEqual({ ...done, bytes, complete: true })
        expect(examples.length).toBe(done.manifests)
        gone += done.manifests
        // The next world finds nothing of this one.
        await sql('DELETE FROM tag_event')
        await sql(`INSERT INTO gc_manifest (repo_id, manifest_id, review_after)
          SELECT repo_id, manifest_id, 0 FROM manifest_protection WHERE true ON CONFLICT DO NOTHING`)
        await sql('DELETE FROM manifest_protection')
        for (const number of manifests.keys()) await store.deleteTag(removeTag(repo, `stays${number}`))
        await collectAll(store, { now: NOW + 10_000 * DAY })
      }),
      { numRuns: 60 },
    )
    // The worlds are random; were nothing ever to go, this would prove nothing.
    expect(gone).toBeGreaterThan(5)
  }, 120_000)
}

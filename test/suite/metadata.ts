import { afterAll, beforeAll, describe, test } from 'bun:test'
import type { MetadataUnderTest } from './metadata/fixture.ts'
import { garbageCases } from './metadata/garbage.ts'
import { linkCases } from './metadata/links.ts'
import { listCases } from './metadata/lists.ts'
import { manifestCases } from './metadata/manifests.ts'
import { newTagCases } from './metadata/new-tags.ts'
import { raceCases } from './metadata/races.ts'
import { searchCases } from './metadata/search.ts'
import { uploadCases } from './metadata/uploads.ts'
import { visibleCases } from './metadata/visible.ts'

/** What every metadata store must do, whatever it is made of. `hasSql`: `make` gives a look into its database. */
export function metadataSuite(
  name: string,
  make: () => Promise<MetadataUnderTest>,
  { hasSql }: { readonly hasSql: boolean },
): void {
  describe(`metadata: ${name}`, () => {
    let made: MetadataUnderTest
    const store = () => made.store
    beforeAll(async () => {
      made = await make()
    }, 60_000)
    afterAll(async () => {
      await made?.dispose()
    }, 60_000)

    test('answers when asked whether it is there', async () => {
      await store().check()
    })
    uploadCases(store)
    linkCases(store)
    manifestCases(store)
    newTagCases(store)
    listCases(store)
    visibleCases(store)
    searchCases(() => made, hasSql)
    raceCases(store)
    if (hasSql) garbageCases(() => made)
  })
}

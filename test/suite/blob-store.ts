import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BlobStore } from '../../src/store/blob.ts'
import { appendCases } from './blob-store-append.ts'
import type { Check } from './blob-store-case.ts'
import { blobStoreModel } from './blob-store-model.ts'
import { objectCases } from './blob-store-objects.ts'

export interface BlobStoreUnderTest {
  readonly store: BlobStore
  /** What stands in storage besides whole objects and the store's own furniture. */
  leftovers(): Promise<string[]>
  dispose(): Promise<void>
}

/** What every blob store must do. A case returns the keys it leaves; nothing else may be there. */
export function blobStoreSuite(name: string, make: () => Promise<BlobStoreUnderTest>): void {
  describe(`blob store: ${name}`, () => {
    let made: BlobStoreUnderTest
    beforeAll(async () => {
      made = await make()
    })
    afterAll(async () => {
      await made.dispose()
    })

    const check: Check = (title, run) => {
      test(title, async () => {
        try {
          const left = await run(made.store)
          expect((await Array.fromAsync(made.store.list())).sort()).toEqual([...left].sort())
        } finally {
          // One case's leftovers must not fail the next one.
          for await (const key of made.store.list()) await made.store.delete(key)
        }
        expect(await made.leftovers()).toEqual([])
      })
    }

    appendCases(check)
    objectCases(check)

    check('is writable, and says so again', async (store) => {
      await store.check()
      await store.check()
      await store.reserve()
      return []
    })

    check('random histories agree with a model', async (store) => {
      await blobStoreModel(store)
      return []
    })
  })
}

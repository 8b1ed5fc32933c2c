import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileBlobStore } from '../src/store/blob-fs.ts'
import { memoryBlobStore } from '../src/store/blob-memory.ts'
import { blobStoreSuite } from './suite/blob-store.ts'
import { tempFolder } from './testbed/temp.ts'

blobStoreSuite('memory', async () => {
  const store = memoryBlobStore()
  return { store, leftovers: async () => [], dispose: () => store.close() }
})

for (const unsafeNoFsync of [false, true]) {
  blobStoreSuite(unsafeNoFsync ? 'files without syncs' : 'files', async () => {
    const folder = await tempFolder()
    const root = join(folder.path, 'blobs')
    const store = await fileBlobStore(root, { reserveBytes: 0, reserveRatio: 0, unsafeNoFsync })
    return {
      store,
      async leftovers() {
        const names = await readdir(root, { recursive: true })
        const strangers = names.filter((name) => name !== 'format' && !/^[0-9a-f]{2}$/.test(name))
        return [...strangers, ...(await openBelow(root))]
      },
      async dispose() {
        await store.close()
        await folder[Symbol.asyncDispose]()
      },
    }
  })
}

/** Files below a folder that this process still holds open. */
async function openBelow(root: string): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd').catch(() => [])
  // The listing's own descriptor is closed again by now.
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(`${root}/`))
}

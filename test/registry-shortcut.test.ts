import { expect, test } from 'bun:test'
import { bodyOf } from '../src/core/body.ts'
import type { RepoName } from '../src/core/names.ts'
import { freshRepo, pushBlob, randomBlob, type TestBlob, testContext } from './suite/content.ts'
import { memoryStack, type Stack, type StackOptions, sqliteStack } from './suite/stacks.ts'

/** How many objects a push in one go leaves in storage, besides those that were there. */
async function written(stack: Stack, repo: RepoName, blob: TestBlob): Promise<number> {
  const count = async () => (await Array.fromAsync(stack.blobs.list())).length
  const before = await count()
  const ctx = testContext()
  const { id } = await stack.registry.openUpload(ctx, repo)
  await stack.registry.commitUpload(ctx, repo, id, blob.digest, { body: bodyOf(blob.bytes) })
  expect((await stack.registry.resolveBlob(ctx, repo, blob.digest)).size).toBe(blob.bytes.byteLength)
  return (await count()) - before
}

for (const [name, make] of [
  ['memory', memoryStack],
  ['files and SQLite', sqliteStack],
] as [string, (options: StackOptions) => Promise<Stack>][]) {
  for (const shortcut of ['anywhere', 'in-repository'] as const) {
    test(`SE-2: ${name}: known content is hashed only where it is held ${shortcut}`, async () => {
      const stack = await make({ shortcut })
      try {
        const [repo, other] = [freshRepo(), freshRepo()]
        const [blob, unknown] = [randomBlob(1000), randomBlob(1000)]
        await pushBlob(stack.registry, repo, blob)
        expect(await written(stack, repo, blob)).toBe(0)
        expect(await written(stack, other, blob)).toBe(shortcut === 'anywhere' ? 0 : 1)
        expect(await written(stack, other, blob)).toBe(0)
        expect(await written(stack, other, unknown)).toBe(1)
      } finally {
        await stack.dispose()
      }
    })
  }
}

import type { ObjectKey } from '../../core/names.ts'
import type { AppendOptions } from '../blob.ts'
import { type AppendContext, AppendWriter } from './append-writer.ts'

/** Writes a body at an offset; see `BlobStore.append`. */
export async function append(
  context: AppendContext,
  key: ObjectKey,
  offset: number,
  body: AsyncIterable<Uint8Array>,
  options: AppendOptions = {},
): Promise<number> {
  const writer = new AppendWriter(context, key, offset, options)
  let broken: { readonly error: unknown } | undefined
  try {
    for await (const chunk of body) {
      const room = writer.write(chunk)
      if (room !== undefined) await room
    }
  } catch (error) {
    if (writer.failed) return writer.abandon(error)
    broken = { error }
  }
  let length: number
  try {
    length = await writer.finish()
  } catch (error) {
    return writer.abandon(error)
  }
  if (broken !== undefined) throw broken.error
  return length
}

import type { Registry } from '../core/registry.ts'
import { localContent } from './local/content.ts'
import type { LocalOptions } from './local/options.ts'
import { localUploads } from './local/uploads.ts'

/** The registry that keeps its own content: bytes in a blob store, truth in the metadata. */
export function localRegistry(options: LocalOptions): Registry {
  return { ...localContent(options), ...localUploads(options) }
}

import type { Payload } from '../load/payload.ts'

/** Puts content where a server finds it; not measured, by whatever way is quick. */
export interface Seeder {
  blob(repo: string, payload: Payload): Promise<void>
  /** A manifest under a tag or its digest. */
  manifest(repo: string, reference: string, bytes: Uint8Array): Promise<void>
  /** Many tags on one manifest. */
  tags(repo: string, names: readonly string[], manifest: Uint8Array): Promise<void>
  /** Repositories that the catalogue lists. */
  repositories(names: readonly string[]): Promise<void>
}

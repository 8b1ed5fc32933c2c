import { refuse } from '../../core/errors.ts'
import type { ManifestFacts } from '../../core/manifest.ts'
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  MANIFEST_TYPES,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../core/media-types.ts'

/*
 * The tables, the same in both databases (migrations/ has the text).
 *
 *   storage           one row: the identity of the storage that the blobs lie in
 *   namespace         who owns repositories
 *   repo              one row a repository; `published_at` is set by its first manifest, and until then nobody sees it
 *   blob              digest → stored object (`obj`, the generation: a key never used twice) and size
 *   repo_blob         the link: this repository may serve this blob. `lease_until` NULL: a manifest references it;
 *                     else it is protected until then
 *   manifest          the payload itself, and what must be known of it without parsing
 *   manifest_blob     manifest → link; its foreign key is the second guard of every live blob
 *   manifest_child    index → manifest
 *   manifest_missing  references accepted without a row: sparse children and layers, foreign layers, subjects not here
 *   tag               name → manifest
 *   upload            the intent log: a row stands here before any byte is stored
 *   tag_event         changes of tags; what they left stays for as long as it can be put back
 *   manifest_protection
 *                     manifests that stay until they are let go
 *   collected, job    what the collector freed, and who does which work of one process at a time
 *   tombstone         objects no row names any more, to be deleted from storage when they are due
 *   gc_manifest, gc_link, gc_blob
 *                     what may have become garbage, with the time of its review; a wrong entry costs one look,
 *                     a forgotten one leaks for ever
 *
 * Invariant: every reference of a committed manifest has a row in manifest_blob or manifest_child, or stands in
 * manifest_missing; a row's object exists. Times are ms since the epoch; digests are `digestToBytes`, whose byte order
 * is that of the text.
 */

/** upload.state */
export const UPLOAD_OPEN = 0
export const UPLOAD_COMMITTED = 1

/** manifest_missing.kind */
export const MISSING_BLOB = 1
export const MISSING_CHILD = 2
export const MISSING_SUBJECT = 3

/** manifest.media: a code for each type a manifest may have. Codes are never reused. */
const MEDIA_CODES: Readonly<Record<keyof typeof MANIFEST_TYPES, number>> = {
  [OCI_MANIFEST]: 1,
  [OCI_INDEX]: 2,
  [DOCKER_MANIFEST]: 3,
  [DOCKER_LIST]: 4,
}

const MEDIA_TYPES: readonly (string | undefined)[] = Object.entries(MEDIA_CODES).reduce<string[]>(
  (types, [type, code]) => {
    types[code] = type
    return types
  },
  [],
)

/** The codes of indexes, as a statement lists them. */
export const INDEX_CODES = Object.entries(MEDIA_CODES)
  .filter(([type]) => MANIFEST_TYPES[type] === 'index')
  .map(([, code]) => code)
  .join(', ')

/** The code a manifest's type is stored under. Throws for a type that `MANIFEST_TYPES` does not list: a bug. */
export function mediaCode(type: string): number {
  const code = Object.hasOwn(MANIFEST_TYPES, type) ? MEDIA_CODES[type] : undefined
  if (code === undefined) throw new Error(`no code is assigned to the manifest type ${type}`)
  return code
}

/** The type behind a code. Throws for a code this program does not know: the database is newer, or damaged. */
export function mediaType(code: number): string {
  const type = MEDIA_TYPES[code]
  if (type === undefined) throw new Error(`the manifest type code ${code} is unknown`)
  return type
}

/** Refuses `manifest-invalid` for what PostgreSQL's texts cannot hold, on every database. */
export function refuseUnstorable(facts: ManifestFacts): void {
  if (facts.artifactType?.includes('\0')) {
    throw refuse('manifest-invalid', 'the artifactType contains a NUL character; it must be a media type')
  }
}

import type { RunCommand } from '../commands.ts'
import type { Reader } from '../driver.ts'
import type { ProtectionStore } from '../lifecycle-store.ts'
import { findImmutable, findNamespaceImmutable, setImmutable } from './immutable.ts'
import { listProtected, protectManifest, releaseManifest } from './manifests.ts'

export const PROTECTION_COMMANDS = { setImmutable, protectManifest, releaseManifest } as const

/** What nobody moves or deletes, over a database. */
export function protectionStore(reader: Reader, run: RunCommand): ProtectionStore {
  return {
    findImmutable: (repo) => findImmutable(reader, repo),
    findNamespaceImmutable: (namespace) => findNamespaceImmutable(reader, namespace),
    setImmutable: (change, cause) => run('setImmutable', { change, cause }),
    protectManifest: (protect, cause) => run('protectManifest', { protect, cause }),
    releaseManifest: (release, cause) => run('releaseManifest', { release, cause }),
    listProtected: (repo) => listProtected(reader, repo),
  }
}

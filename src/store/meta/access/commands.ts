import type { Cause } from '../access-store.ts'
import { type AuditEntry, writeAuditRow } from '../accounts/audit.ts'
import { storable } from '../accounts/storable.ts'
import type { Dialect, Tx } from '../driver.ts'
import { setDefaultGrants } from './default-grants.ts'
import { removeGrant, setGrant } from './grants.ts'
import { updateNamespace } from './namespaces.ts'
import { createRepository, updateRepository } from './repositories.ts'
import { rotateSigningKey } from './signing-keys.ts'

/** The commands of AccessStore and RepositoryStore, by name. */
export const ACCESS_COMMANDS = {
  createRepository,
  removeGrant,
  rotateSigningKey,
  setDefaultGrants,
  setGrant,
  updateNamespace,
  updateRepository,
  writeAudit: (
    tx: Tx,
    _dialect: Dialect,
    { entry, cause }: { readonly entry: AuditEntry; readonly cause: Cause },
  ) => writeAuditRow(tx, storable(entry), cause),
} as const

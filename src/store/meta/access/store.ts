import type { AccessStore, RepositoryStore } from '../access-store.ts'
import type { RunCommand } from '../commands.ts'
import type { Reader } from '../driver.ts'
import { listAudit } from './audit-list.ts'
import { listDefaultGrants } from './default-grants.ts'
import { describeManifests, describeTags } from './descriptions.ts'
import { readAccess } from './facts.ts'
import { findGrant, listGrants } from './grants.ts'
import { findHolder } from './holders.ts'
import { findNamespace } from './namespaces.ts'
import { readReach } from './reach.ts'
import { describeRepositories, findRepository } from './repositories.ts'
import { listSigningKeys } from './signing-keys.ts'

/** Who may do what, and the repositories' settings, over a database. */
export function accessStore(reader: Reader, run: RunCommand): AccessStore & RepositoryStore {
  return {
    readAccess: (query) => readAccess(reader, query),
    readReach: (query) => readReach(reader, query),
    findHolder: (digest, visible) => findHolder(reader, digest, visible),

    findNamespace: (name) => findNamespace(reader, name),
    updateNamespace: (change, cause) => run('updateNamespace', { change, cause }),

    listGrants: (namespace, page, filter) => listGrants(reader, namespace, page, filter),
    findGrant: (find) => findGrant(reader, find),
    setGrant: (grant, cause) => run('setGrant', { grant, cause }),
    removeGrant: (remove, cause) => run('removeGrant', { remove, cause }),
    listDefaultGrants: (namespace) => listDefaultGrants(reader, namespace),
    setDefaultGrants: (change, cause) => run('setDefaultGrants', { change, cause }),

    writeAudit: (entry, cause) => run('writeAudit', { entry, cause }),
    listAudit: (filter, page) => listAudit(reader, filter, page),

    listSigningKeys: () => listSigningKeys(reader),
    rotateSigningKey: (rotate) => run('rotateSigningKey', rotate),

    findRepository: (name) => findRepository(reader, name),
    describeRepositories: (filter, page) => describeRepositories(reader, filter, page),
    createRepository: (create, cause) => run('createRepository', { create, cause }),
    updateRepository: (change, cause) => run('updateRepository', { change, cause }),
    describeTags: (repo, page) => describeTags(reader, repo, page),
    describeManifests: (repo, page) => describeManifests(reader, repo, page),
  }
}

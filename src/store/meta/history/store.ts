import type { RunCommand } from '../commands.ts'
import type { Reader } from '../driver.ts'
import type { HistoryStore } from '../lifecycle-store.ts'
import { deleteRepository, listDeletedRepositories, restoreRepository } from './delete-repository.ts'
import { listDeletedTags, listTagEvents } from './events.ts'
import { findAlias, listAliases } from './names.ts'
import { renameRepository } from './rename.ts'
import { restoreTag } from './restore-tag.ts'

export const HISTORY_COMMANDS = { restoreTag, deleteRepository, restoreRepository, renameRepository } as const

/** What can be undone, over a database. */
export function historyStore(reader: Reader, run: RunCommand): HistoryStore {
  return {
    listTagEvents: (repo, filter, page) => listTagEvents(reader, repo, filter, page),
    listDeletedTags: (repo, page) => listDeletedTags(reader, repo, page),
    restoreTag: (restore, cause) => run('restoreTag', { restore, cause }),
    deleteRepository: (remove, cause) => run('deleteRepository', { remove, cause }),
    listDeletedRepositories: (namespace, now, undo) => listDeletedRepositories(reader, namespace, now, undo),
    restoreRepository: (restore, cause) => run('restoreRepository', { restore, cause }),
    renameRepository: (rename, cause) => run('renameRepository', { rename, cause }),
    findAlias: (name) => findAlias(reader, name),
    listAliases: (limit) => listAliases(reader, limit),
  }
}

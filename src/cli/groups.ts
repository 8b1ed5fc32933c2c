import type { Command } from 'commander'

/** Commands under one name. */
interface Group {
  readonly description: string
  /** Puts the commands of the group into it; loads their code. */
  readonly load: (group: Command) => Promise<unknown>
}

/** Everything but `serve` and `config`, in the order of the help. Its code is loaded when it is asked for: a server starts without it. */
export const GROUPS = {
  login: {
    description: 'log docker and its kin in to a registry',
    load: async (group) => (await import('./commands/login.ts')).loginCommand(group),
  },
  logout: {
    description: 'forget the login to a registry',
    load: async (group) => (await import('./commands/login.ts')).logoutCommand(group),
  },
  whoami: {
    description: 'who you are to a registry',
    load: async (group) => (await import('./commands/whoami.ts')).whoamiCommand(group),
  },
  user: {
    description: 'people and their accounts',
    load: async (group) => (await import('./commands/user.ts')).userCommands(group),
  },
  org: {
    description: 'organisations and their members',
    load: async (group) => (await import('./commands/org.ts')).orgCommands(group),
  },
  team: {
    description: 'teams of an organisation',
    load: async (group) => (await import('./commands/team.ts')).teamCommands(group),
  },
  robot: {
    description: 'accounts of programs, and their secrets',
    load: async (group) => (await import('./commands/robot.ts')).robotCommands(group),
  },
  token: {
    description: 'personal access tokens',
    load: async (group) => (await import('./commands/token.ts')).tokenCommands(group),
  },
  key: {
    description: 'keys that log in without a password',
    load: async (group) => (await import('./commands/key.ts')).keyCommands(group),
  },
  link: {
    description: 'invitations that are open',
    load: async (group) => (await import('./commands/link.ts')).linkCommands(group),
  },
  namespace: {
    description: 'what holds for the repositories of a namespace',
    load: async (group) => (await import('./commands/namespace.ts')).namespaceCommands(group),
  },
  repo: {
    description: 'repositories, tags and manifests',
    load: async (group) => (await import('./commands/repo.ts')).repoCommands(group),
  },
  tag: {
    description: 'what happened to tags, and how to undo it',
    load: async (group) => (await import('./commands/tag.ts')).tagCommands(group),
  },
  grant: {
    description: 'who may do what in which repositories',
    load: async (group) => (await import('./commands/grant.ts')).grantCommands(group),
  },
  access: {
    description: 'why someone may do something, or may not',
    load: async (group) => (await import('./commands/access.ts')).accessCommands(group),
  },
  gc: {
    description: 'collection of what nothing keeps',
    load: async (group) => (await import('./commands/gc.ts')).gcCommands(group),
  },
  audit: {
    description: 'who did what, newest first',
    load: async (group) => (await import('./commands/audit.ts')).auditCommand(group),
  },
} as const satisfies Record<string, Group>

export type GroupName = keyof typeof GROUPS

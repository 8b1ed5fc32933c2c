import { Command } from 'commander'
import { GROUPS } from '../../src/cli/groups.ts'

/** Every command that does something, by its words: `['user', 'add']`, `['whoami']`. */
export const LEAVES: ReadonlyMap<readonly string[], Command> = await leaves()

async function leaves(): Promise<Map<readonly string[], Command>> {
  const found = new Map<readonly string[], Command>()
  const program = new Command('berth')
  for (const [name, { description, load }] of Object.entries(GROUPS)) {
    const group = program.command(name).description(description)
    await load(group)
    if (group.commands.length === 0) found.set([name], group)
    for (const command of group.commands) found.set([name, command.name()], command)
  }
  return found
}

import { Option } from 'commander'

/** `-o, --output`: the same for every command that prints a result. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'for people, or for programs')
    .choices(['text', 'json', 'jsonl', 'none'])
    .default('text')
}

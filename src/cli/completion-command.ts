import { type Command, UsageError } from "./command.ts";

const shells = ["bash", "zsh", "fish"] as const;

/** `berth completion`: what a shell sources so that Tab knows commands, flags and names. */
export const completionCommand: Command = {
  name: "completion",
  summary: "Print what a shell needs to complete commands, flags and names.",
  flags: [],
  words: shells.join("|"),
  examples: [
    "source <(berth completion bash)",
    "berth completion zsh > ~/.zfunc/_berth",
    "berth completion fish > ~/.config/fish/completions/berth.fish",
  ],
  details:
    "Names (of projects, repositories, users and so on) are those of the Berth that commands are about.",
  async run(_flags, [shell = ""]) {
    const script = scripts[shell as keyof typeof scripts];
    if (script === undefined) throw new UsageError(`Name a shell: ${shells.join(", ")}.`);
    console.log(script);
    return 0;
  },
};

/** The last word is the one that is being typed. `complete` prints a candidate a line, a tab, and what it is. */
const scripts = {
  bash: `_berth() {
  local line="\${COMP_LINE:0:COMP_POINT}" words
  local typed="\${line##* }"
  IFS=' ' read -ra words <<<"$line"
  [[ "$line" == *' ' ]] && words+=("")
  local IFS=$'\\n' broken=""
  COMPREPLY=($(compgen -W "$(berth complete -- "\${words[@]:1}" 2>/dev/null | cut -f1)" -- "$typed"))
  # Bash takes what stands behind a colon for a word of its own.
  [[ "$COMP_WORDBREAKS" == *:* && "$typed" == *:* ]] && broken="\${typed%:*}:"
  COMPREPLY=("\${COMPREPLY[@]#"$broken"}")
}
complete -o default -F _berth berth`,
  zsh: `#compdef berth
_berth() {
  local line name
  local -a found
  for line in \${(f)"$(berth complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)"}; do
    name=\${line%%$'\\t'*}
    found+=("\${name//:/\\\\:}\${\${line#"$name"}/$'\\t'/:}")
  done
  _describe berth found || _files
}
if [ "$funcstack[1]" = "_berth" ]; then _berth; else compdef _berth berth; fi`,
  fish: `function __berth_complete
  set -l found (berth complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c berth -f -a '(__berth_complete)'`,
} as const satisfies Record<(typeof shells)[number], string>;

/* The two editors of the playground, in the page's own colours. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { cpp } from '@codemirror/lang-cpp';
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics, type Diagnostic as Mark } from '@codemirror/lint';
import { EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags as t } from '@lezer/highlight';
import type { Diagnostic } from 'quern';

const look = EditorView.theme({
  '&': { color: 'var(--ink)', backgroundColor: 'transparent' },
  '.cm-content': { caretColor: 'var(--accent)', padding: '0.6rem 0' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--soft)', border: 'none', opacity: 0.8 },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent) 7%, transparent)' },
  '&.cm-focused .cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--accent) 26%, transparent) !important' },
  '.cm-matchingBracket': { backgroundColor: 'color-mix(in srgb, var(--accent) 22%, transparent) !important' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', border: '1px solid var(--line-strong)', borderRadius: '8px', color: 'var(--ink)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
  '.cm-lint-marker': { width: '0.8em', height: '0.8em' },
});
const colours = HighlightStyle.define([
  { tag: [t.keyword, t.controlKeyword, t.modifier, t.definitionKeyword], color: 'var(--accent)' },
  { tag: [t.typeName, t.standard(t.typeName)], color: 'var(--webgpu)' },
  { tag: [t.number, t.bool, t.null], color: 'var(--webgl)' },
  { tag: [t.comment, t.lineComment, t.blockComment], color: 'var(--soft)', fontStyle: 'italic' },
  { tag: [t.string, t.processingInstruction, t.meta], color: 'var(--wasm)' },
  { tag: [t.function(t.variableName), t.function(t.definition(t.variableName))], fontWeight: '600' },
]);
/* A font that comes later changes the height of every line. */
function measured(view: EditorView): EditorView {
  void document.fonts.ready.then(() => view.requestMeasure());
  document.fonts.addEventListener('loadingdone', () => view.requestMeasure());
  return view;
}

const common: Extension = [lineNumbers(), drawSelection(), bracketMatching(), syntaxHighlighting(colours), cpp(), look, indentUnit.of('    '), EditorState.tabSize.of(4)];

export interface Code {
  text(): string;
  set(text: string): void;
  mark(found: readonly Diagnostic[]): void;
  /** Puts the cursor there. */
  go(line: number, column: number): void;
}

export function editor(parent: HTMLElement, label: string, changed: () => void, run: () => void): Code {
  const view = measured(new EditorView({
    parent,
    state: EditorState.create({
      extensions: [
        keymap.of([{ key: 'Ctrl-Enter', mac: 'Cmd-Enter', run: () => (run(), true) }, indentWithTab, ...historyKeymap, ...defaultKeymap]),
        history(), indentOnInput(), highlightActiveLine(), lintGutter(), common,
        EditorView.contentAttributes.of({ 'aria-label': `${label}. Escape, then Tab leaves the editor.` }),
        EditorView.updateListener.of((u) => u.docChanged && changed()),
      ],
    }),
  }));
  const place = (line: number, column: number): number => {
    const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
    return Math.min(at.from + Math.max(column - 1, 0), at.to);
  };
  return {
    text: () => view.state.doc.toString(),
    set: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    mark: (found) => {
      const marks = found.map((d): Mark => {
        const from = place(d.line, d.column);
        const word = /^\w+/.exec(view.state.sliceDoc(from, from + 60))?.[0].length ?? 1;
        return { from, to: Math.min(from + word, view.state.doc.length), severity: 'error', message: d.message };
      });
      view.dispatch(setDiagnostics(view.state, marks));
    },
    go: (line, column) => {
      view.dispatch({ selection: { anchor: place(line, column) }, scrollIntoView: true });
      view.focus();
    },
  };
}

export function viewer(parent: HTMLElement): { set(text: string): void; text(): string } {
  const view = measured(new EditorView({ parent, state: EditorState.create({ extensions: [common, EditorState.readOnly.of(true), EditorView.contentAttributes.of({ 'aria-label': 'Translation' })] }) }));
  return {
    text: () => view.state.doc.toString(),
    set: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
  };
}

// Questions to begin with, made of what is known of a video. They need no model.

const LONG = 6; // letters of a word that is worth asking about

/** The most telling word that is said: a name, else a long one; rare, and no adverb. */
function telling(lines) {
  const found = new Map();
  for (const { text } of lines) {
    for (const { 0: word, index } of text.matchAll(/\p{L}{2,}/gu)) {
      const is = found.get(word) ?? { num: 0, isName: index > 0 && /^\p{Lu}\p{Ll}/u.test(word) };
      found.set(word, { ...is, num: is.num + 1 });
    }
  }
  const weigh = ([word, { num, isName }]) => Math.min(word.length, 12) - 2 * num + 6 * isName - 6 * /(ly|ed|ing)$/.test(word);
  return [...found].filter(([word]) => word.length >= LONG).sort((a, b) => weigh(b) - weigh(a))[0]?.[0];
}

/**
 * Up to three questions.
 * @param {object} known The timeline of the video.
 * @param {object} video
 */
export function examples({ lines }, { duration_s, coverage }) {
  const said = lines.filter(({ kind }) => kind === "speech");
  const written = lines.some(({ kind }) => kind === "screen_text");
  const word = telling(said);
  return [
    word && `What is said about “${word}”?`,
    said.length > 0 && "What is this video about?",
    written && "What is written on the screen?",
    "What happens in this video?",
    coverage.picture > 0 && "When does something move?",
    duration_s > 20 && "How often does something move?",
  ].filter(Boolean).slice(0, 3);
}

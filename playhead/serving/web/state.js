// What the server has and what is chosen of it, as far as every part of the page must know.

export const NOTHING = { shots: [], chapters: [], lines: [], looked_at: [] };

export const state = {
  videos: [],
  sessions: [],
  video: null, // ids of what is chosen
  session: null,
  known: NOTHING, // of the chosen video, along its time
};

export const videoOf = (id) => state.videos.find((video) => video.id === id) ?? null;
export const sessionOf = (id) => state.sessions.find((session) => session.id === id) ?? null;

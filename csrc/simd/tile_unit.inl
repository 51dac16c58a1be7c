// Tile registers: eight of 16 rows of 64 bytes, around all products of one thread.

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void begin() {
  static const TileConfig config;
  _tile_loadconfig(&config);
}

void end() { _tile_release(); }

// To stand between two tile instructions. Where another hardware thread works on the same core, tile
// instructions close behind each other hold each other up: products take twice their time, a load and a
// product half as much again. Eight other instructions between them prevent that, of any kind; these do
// nothing (docs/decisions.md).
inline void keep_apart() { asm volatile(".rept 8\n\tnop\n\t.endr"); }

// All processors with tiles have a second cache of 2 MiB. The fewer the blocks, the less often lanes come
// from the third.
constexpr std::size_t kTileBlockBytes = std::size_t{1400} << 10;

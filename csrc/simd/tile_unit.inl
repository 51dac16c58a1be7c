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

// All processors with tiles have a second cache of 2 MiB. The fewer the blocks, the less often lanes come
// from the third.
constexpr std::size_t kTileBlockBytes = std::size_t{1400} << 10;

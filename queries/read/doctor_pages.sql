-- Pages of the store's file: how many there are and how many are free, and the size of one in bytes.
SELECT block_size, total_blocks, used_blocks, free_blocks FROM pragma_database_size();

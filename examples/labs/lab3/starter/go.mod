module example.test/proverbs

go 1.19
